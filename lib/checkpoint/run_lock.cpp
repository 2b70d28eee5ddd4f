#include "checkpoint/run_lock.h"

#include <fmt/format.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string>

#include "checkpoint/posix_file.h"

namespace nnx {
namespace {

std::string this_process() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> start{};
  std::strftime(start.data(), start.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return fmt::format("pid {} on {} since {}", ::getpid(), host.data(), start.data());
}

// What the holder wrote; it may be about to, so an empty file is no error.
std::string holder_of(int file) {
  std::array<char, 400> text{};
  const ssize_t n = ::pread(file, text.data(), text.size(), 0);
  return n > 0 ? in_quotes({text.data(), static_cast<size_t>(n)}, 320) : "another process";
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run_directory) {
  const Directory directory = Directory::made(run_directory);
  const std::string path = directory.path_of(".lock");
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666));
  if (file.get() < 0) fail_errno(ErrorKind::cannot_create, path, "cannot be created", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    fail(ErrorKind::cannot_create, {.where = path, .message = "is not a regular file"});
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail_errno(ErrorKind::io, path, "cannot be locked", errno);
    fail(ErrorKind::busy, {.where = run_directory.string(),
                           .message = fmt::format("is in use by {}", holder_of(file.get())),
                           .hint = "wait for it to end, or choose another output_dir"});
  }
  // Only for the message above: the lock is the kernel's, not the text.
  const std::string text = this_process();
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    fail_errno(ErrorKind::io, path, "cannot be written", errno);
  file_ = file.release();
}

RunLock::~RunLock() { ::close(file_); }

}  // namespace nnx
