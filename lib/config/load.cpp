#include <fmt/format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "config/parse.h"

namespace nnx {
namespace {

class OpenFile {
 public:
  // Without O_NONBLOCK the open of a FIFO waits for a writer.
  explicit OpenFile(const std::string& file) : fd_(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void refuse(ErrorKind kind, const std::string& file, std::string message, std::string hint = "") {
  fail(kind, {.where = file, .message = std::move(message), .hint = std::move(hint)});
}

std::string read_whole(const std::string& file) {
  if (file.empty() || file.find('\0') != std::string::npos) refuse(ErrorKind::usage, in_quotes(file), "not a file name");
  const OpenFile open(file);
  if (open.fd() < 0) {
    // Missing and unreadable input are one kind (EX_NOINPUT); the rest is for the system to explain.
    const bool missing = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
    refuse(missing ? ErrorKind::missing : ErrorKind::io, file, fmt::format("cannot open: {}", std::strerror(errno)));
  }
  struct stat status {};
  if (::fstat(open.fd(), &status) != 0) refuse(ErrorKind::io, file, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) refuse(ErrorKind::config, file, "is a directory", "give the YAML file inside of it");
  if (!S_ISREG(status.st_mode)) refuse(ErrorKind::config, file, "is not a regular file");
  const auto too_large = fmt::format("larger than {} bytes", max_config_bytes);
  if (static_cast<uintmax_t>(status.st_size) > max_config_bytes) refuse(ErrorKind::config, file, too_large);
  std::string text(max_config_bytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(open.fd(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(ErrorKind::io, file, fmt::format("cannot read: {}", std::strerror(errno)));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > max_config_bytes) refuse(ErrorKind::config, file, too_large);  // it grew, or has no true size
  text.resize(size);
  return text;
}

}  // namespace

ConfigNode load_file(const std::string& file) {
  ConfigNode root = parse_yaml(read_whole(file), file);
  if (!root.is_map()) {
    fail(ErrorKind::config, {.where = root.where(), .expected = "a map of keys", .got = root.describe()});
  }
  return root;
}

ConfigNode load_config(const std::vector<std::string>& files, const std::vector<std::string>& arguments) {
  if (files.empty()) fail(ErrorKind::usage, {.message = "no config file is given", .hint = "use --config FILE"});
  ConfigNode root = load_file(files[0]);
  for (size_t i = 1; i < files.size(); ++i) root = merge(root, load_file(files[i]));
  return apply_arguments(root, arguments);
}

}  // namespace nnx
