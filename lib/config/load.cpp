#include <fmt/format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "config/compose.h"

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

// Merges a file, and before it what it includes, over a config.
class Includer {
 public:
  explicit Includer(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  bool failed() const { return failed_; }  // something could not be included, which was reported

  ConfigNode merged(const ConfigNode& base, const std::string& file) {
    if (++files_ > max_config_files)
      refuse(ErrorKind::config, file, fmt::format("more than {} files are read for one config", max_config_files));
    const ConfigNode root = load_file(file, diagnostics_);
    const ConfigNode* include = root.find("include");
    std::vector<ConfigNode::Entry> entries = root.entries();
    std::erase_if(entries, [](const ConfigNode::Entry& entry) { return entry.key == "include"; });
    const ConfigNode own = ConfigNode::map(std::move(entries), root.origin(), root.path());
    chain_.push_back(std::filesystem::path(file).lexically_normal().string());
    ConfigNode below = base.is_null() ? ConfigNode::map({}, root.origin(), root.path()) : base;
    for (const ConfigNode& name : include ? names_of(*include) : std::vector<ConfigNode>())
      if (!diagnostics_.attempt([&] { below = included(below, name, file); })) failed_ = true;
    chain_.pop_back();
    return merge(below, own, diagnostics_);
  }

 private:
  std::vector<ConfigNode> names_of(const ConfigNode& include) {
    const std::vector<ConfigNode> names = include.is_sequence() ? include.items() : std::vector{include};
    for (const ConfigNode& name : names) {
      if (name.is_scalar() && !name.text().empty()) continue;
      diagnostics_.report(name, {.expected = "a file name, or a list of them", .got = name.describe()});
      failed_ = true;
      return {};
    }
    return names;
  }

  ConfigNode included(const ConfigNode& below, const ConfigNode& name, const std::string& from) {
    const auto path = (std::filesystem::path(from).parent_path() / name.text()).lexically_normal();
    const std::string file = path.string();
    if (const auto loop = std::ranges::find(chain_, file); loop != chain_.end()) {
      std::vector<std::string> chain(loop, chain_.end());
      chain.push_back(file);
      diagnostics_.report(name, {.message = fmt::format("files include each other: {}", fmt::join(chain, " -> "))});
      diagnostics_.throw_if_any();
    }
    try {
      return merged(below, file);
    } catch (const ConfigError&) { throw; } catch (const Error& error) {
      if (error.kind() == ErrorKind::config) throw;  // it names its own place
      refuse(error.kind(), name.where(), error.what(),
             path.is_absolute() || from.find('/') == std::string::npos
                 ? ""
                 : "the path is relative to the folder of the file that includes it");
    }
  }

  Diagnostics& diagnostics_;
  std::vector<std::string> chain_;
  size_t files_ = 0;
  bool failed_ = false;
};

}  // namespace

ConfigNode load_file(const std::string& file, Diagnostics& diagnostics) {
  ConfigNode root = parse_yaml(read_whole(file), file, diagnostics);
  if (!root.is_map()) {
    diagnostics.report(root, {.expected = "a map of keys", .got = root.describe()});
    diagnostics.throw_if_any();
  }
  return root;
}

ConfigNode load_file(const std::string& file) {
  Diagnostics diagnostics;
  ConfigNode root = load_file(file, diagnostics);
  diagnostics.throw_if_any();
  return root;
}

ConfigNode load_config(const std::vector<std::string>& files, const std::vector<std::string>& arguments,
                       Diagnostics& diagnostics) {
  if (files.empty()) fail(ErrorKind::usage, {.message = "no config file is given", .hint = "use --config FILE"});
  if (files.size() > max_config_files)
    fail(ErrorKind::usage, {.message = fmt::format("more than {} config files", max_config_files)});
  Includer includer(diagnostics);
  ConfigNode root;
  for (const std::string& file : files) root = includer.merged(root, file);
  // What is missing then would only be reported as missing keys.
  if (includer.failed()) diagnostics.throw_if_any();
  return resolve_interpolation(apply_arguments(root, arguments, diagnostics), diagnostics);
}

ConfigNode load_config(const std::vector<std::string>& files, const std::vector<std::string>& arguments) {
  Diagnostics diagnostics;
  ConfigNode root = load_config(files, arguments, diagnostics);
  diagnostics.throw_if_any();
  return root;
}

}  // namespace nnx
