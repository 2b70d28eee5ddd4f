#include "checkpoint/posix_file.h"

#include <fmt/format.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace nnx {
namespace {

constexpr size_t chunk = size_t{1} << 30;  // Linux moves at most 2 GiB a call

// Calls again as long as a signal interrupted.
template <class F> auto retried(F&& call) {
  for (;;)
    if (const auto result = call(); result != -1 || errno != EINTR) return result;
}

std::string reason(int error) { return std::generic_category().message(error); }

ErrorParts system_parts(const std::string& path, const char* what, int error) {
  return {.where = path, .message = fmt::format("{}: {}", what, reason(error))};
}

// Why a name inside a checkpoint could not be opened: bad content, or a system that refuses for now.
[[noreturn]] void fail_open(const std::string& path, int error) {
  if (error == ENOENT) fail(ErrorKind::data, {.where = path, .message = "is missing"});
  if (error == ELOOP) fail(ErrorKind::data, {.where = path, .message = "is a symbolic link, which is refused"});
  if (error == ENOTDIR) fail(ErrorKind::data, {.where = path, .message = "is not a directory"});
  if (error == ENXIO) fail(ErrorKind::data, {.where = path, .message = "is not a regular file"});
  fail_errno(ErrorKind::io, path, "cannot be opened", error);
}

void write_all(int file, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = retried([&] { return ::write(file, bytes.data(), std::min(bytes.size(), chunk)); });
    if (n < 0) fail_errno(ErrorKind::io, path, "cannot be written", errno);
    if (n == 0) fail(ErrorKind::io, {.where = path, .message = "cannot be written: the system takes no more bytes"});
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void sync_descriptor(int file, const std::string& path, bool directory) {
  if (retried([&] { return ::fsync(file); }) == 0) return;
  if (directory && errno == EINVAL) return;  // a file system that has no sync of directories
  throw SyncError(ErrorKind::io, system_parts(path, "cannot be brought to disk", errno));
}

struct stat status_of(int file, const std::string& path) {
  struct stat status {};
  if (retried([&] { return ::fstat(file, &status); }) != 0)
    fail_errno(ErrorKind::io, path, "cannot be examined", errno);
  return status;
}

}  // namespace

void fail_errno(ErrorKind kind, const std::string& path, const char* what, int error) {
  fail(kind, system_parts(path, what, error));
}

uint32_t crc32_of(std::span<const std::byte> bytes, uint32_t before) {
  return static_cast<uint32_t>(::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

uint32_t crc32_of(std::string_view text) { return crc32_of(std::as_bytes(std::span(text.data(), text.size()))); }

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

void Descriptor::close(const std::string& path) {
  // Linux has released the descriptor whatever close says, also after EINTR.
  if (::close(std::exchange(value_, -1)) != 0 && errno != EINTR)
    fail_errno(ErrorKind::io, path, "cannot be closed", errno);
}

Directory::Directory(const std::filesystem::path& path)
    : descriptor_(retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); })), path_(path) {
  if (descriptor_.get() >= 0) return;
  const bool missing = errno == ENOENT || errno == ENOTDIR;
  fail_errno(missing ? ErrorKind::missing : ErrorKind::io, path.string(), "cannot be opened as a directory", errno);
}

Directory Directory::made(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::absolute(path).lexically_normal().parent_path();
  if (!std::filesystem::exists(parent, error) && !error) made(parent);
  const int result = ::mkdir(path.c_str(), 0777);
  if (result != 0 && errno != EEXIST) fail_errno(ErrorKind::cannot_create, path.string(), "cannot be made", errno);
  const int opened = retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (opened < 0) fail_errno(ErrorKind::cannot_create, path.string(), "cannot be used as a directory", errno);
  Descriptor descriptor(opened);
  if (result == 0) Directory(parent).sync();
  return {std::move(descriptor), path};
}

std::optional<Directory> Directory::find(const std::string& name) const {
  const int opened = retried(
      [&] { return ::openat(descriptor_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); });
  if (opened >= 0) return Directory(Descriptor(opened), path_ / name);
  if (errno == ENOENT) return std::nullopt;
  fail_open(path_of(name), errno);
}

Directory Directory::open(const std::string& name) const {
  auto found = find(name);
  if (!found) fail_open(path_of(name), ENOENT);
  return std::move(*found);
}

FileBytes Directory::read(const std::string& name, std::optional<uint64_t> size, uint64_t limit) const {
  const std::string path = path_of(name);
  // Not blocking: opening a FIFO must not wait for a writer.
  const int opened = retried(
      [&] { return ::openat(descriptor_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); });
  if (opened < 0) fail_open(path, errno);
  const Descriptor file(opened);
  const struct stat status = status_of(file.get(), path);
  if (!S_ISREG(status.st_mode)) fail(ErrorKind::data, {.where = path, .message = "is not a regular file"});
  const uint64_t found = static_cast<uint64_t>(status.st_size);
  if (size && found != *size)
    fail(ErrorKind::data, {.where = path, .expected = fmt::format("{} bytes", *size), .got = std::to_string(found)});
  if (found > limit)
    fail(ErrorKind::data,
         {.where = path, .expected = fmt::format("at most {} bytes", limit), .got = std::to_string(found)});

  FileBytes out{.buffer = Buffer::allocate(found), .size = found};
  for (size_t done = 0; done < found;) {
    const ssize_t n = retried([&] {
      return ::read(file.get(), out.buffer->as<char>() + done, std::min(static_cast<size_t>(found) - done, chunk));
    });
    if (n < 0) fail_errno(ErrorKind::io, path, "cannot be read", errno);
    if (n == 0) fail(ErrorKind::data, {.where = path, .message = "became shorter while it was read"});
    done += static_cast<size_t>(n);
  }
  return out;
}

uint64_t Directory::size_of(const std::string& name) const {
  struct stat status {};
  if (::fstatat(descriptor_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail_open(path_of(name), errno);
  if (!S_ISREG(status.st_mode)) fail(ErrorKind::data, {.where = path_of(name), .message = "is not a regular file"});
  return static_cast<uint64_t>(status.st_size);
}

bool Directory::contains(const std::string& name) const {
  struct stat status {};
  if (::fstatat(descriptor_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  fail_errno(ErrorKind::io, path_of(name), "cannot be examined", errno);
}

std::vector<std::string> Directory::list() const {
  // A descriptor of its own: reading a directory moves its position.
  const int opened = retried([&] { return ::openat(descriptor_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (opened < 0) fail_errno(ErrorKind::io, path_.string(), "cannot be listed", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(opened), ::closedir);
  if (!stream) {
    const int error = errno;
    ::close(opened);
    fail_errno(ErrorKind::io, path_.string(), "cannot be listed", error);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (!entry && errno != 0) fail_errno(ErrorKind::io, path_.string(), "cannot be listed", errno);
    if (!entry) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::optional<Directory> Directory::make(const std::string& name) const {
  if (::mkdirat(descriptor_.get(), name.c_str(), 0777) == 0) return open(name);
  if (errno == EEXIST) return std::nullopt;
  fail_errno(ErrorKind::cannot_create, path_of(name), "cannot be made", errno);
}

WrittenFile Directory::write(const std::string& name, std::span<const std::span<const std::byte>> parts) const {
  const std::string path = path_of(name);
  const int opened = retried([&] {
    return ::openat(descriptor_.get(), name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
  });
  if (opened < 0) fail_errno(ErrorKind::cannot_create, path, "cannot be created", errno);
  Descriptor file(opened);
  WrittenFile out{.name = name};
  for (const std::span<const std::byte> part : parts) {
    if (part.empty()) continue;
    write_all(file.get(), part, path);
    out.size += part.size();
    out.crc32 = crc32_of(part, out.crc32);
  }
  sync_descriptor(file.get(), path, false);
  file.close(path);
  return out;
}

WrittenFile Directory::write(const std::string& name, std::string_view text) const {
  const std::span<const std::byte> part = std::as_bytes(std::span(text.data(), text.size()));
  return write(name, {&part, 1});
}

void Directory::sync() const { sync_descriptor(descriptor_.get(), path_.string(), true); }

bool Directory::rename_new(const std::string& from, const std::string& to) const {
  const int d = descriptor_.get();
  int result = ::renameat2(d, from.c_str(), d, to.c_str(), RENAME_NOREPLACE);
  if (result != 0 &&
      (errno == EINVAL || errno == ENOSYS)) {  // a file system without this flag; the RunLock makes it safe
    if (contains(to)) return false;
    result = ::renameat(d, from.c_str(), d, to.c_str());
  }
  if (result == 0) return true;
  if (errno == EEXIST || errno == ENOTEMPTY) return false;
  fail_errno(ErrorKind::io, path_of(to), "cannot be put in place", errno);
}

bool Directory::exchange(const std::string& a, const std::string& b) const {
  const int d = descriptor_.get();
  if (::renameat2(d, a.c_str(), d, b.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS) return false;
  fail_errno(ErrorKind::io, path_of(b), "cannot be replaced", errno);
}

void Directory::rename_over(const std::string& from, const std::string& to) const {
  if (::renameat(descriptor_.get(), from.c_str(), descriptor_.get(), to.c_str()) != 0)
    fail_errno(ErrorKind::io, path_of(to), "cannot be put in place", errno);
}

void Directory::remove_file(const std::string& name) const {
  if (::unlinkat(descriptor_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    fail_errno(ErrorKind::io, path_of(name), "cannot be removed", errno);
}

bool Directory::remove_directory(const std::string& name) const {
  if (::unlinkat(descriptor_.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno == ENOTEMPTY || errno == EEXIST) return false;
  fail_errno(ErrorKind::io, path_of(name), "cannot be removed", errno);
}

}  // namespace nnx
