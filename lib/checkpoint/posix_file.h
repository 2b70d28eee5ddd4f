// The file operations that checkpoints stand on: every return value is checked, every name is one step below an open
// directory, and links and special files are refused.
//
//   Directory run("runs/mlp");
//   if (auto fresh = run.make("new")) WrittenFile f = fresh->write("a.json", text);    // synced and closed
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "array/buffer.h"
#include "base/error.h"

namespace nnx {

// A sync that failed: the kernel may have dropped the data, so the files of this attempt are lost, and syncing them
// again would only seem to work.
struct SyncError : Error {
  using Error::Error;
};

struct WrittenFile {
  std::string name;
  uint64_t size = 0;
  uint32_t crc32 = 0;  // of the bytes in memory
};

// The content of a file.
struct FileBytes {
  BufferRef buffer;
  size_t size = 0;
  std::span<const std::byte> bytes() const { return {buffer->as<std::byte>(), size}; }
  std::string_view text() const { return {buffer->as<char>(), size}; }
};

uint32_t crc32_of(std::span<const std::byte> bytes, uint32_t before = 0);
uint32_t crc32_of(std::string_view text);

// A file descriptor that is closed once.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept { return std::swap(value_, other.value_), *this; }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }
  void close(const std::string& path);  // throws ErrorKind::io when the system reports a late error

 private:
  int value_;
};

class Directory {
 public:
  // Opens `path`, following links in it; throws ErrorKind::missing or io.
  explicit Directory(const std::filesystem::path& path);
  // Opens `path`, made with its parents when needed, durably; throws ErrorKind::cannot_create.
  static Directory made(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::string path_of(std::string_view name) const { return (path_ / name).string(); }

  // Throw ErrorKind::data for a name that is there but is a link or not what it should be.
  std::optional<Directory> find(const std::string& name) const;  // a directory in this one; nullopt when not there
  Directory open(const std::string& name) const;                 // the same; data when not there
  // Of exactly `size` bytes when that is given, of at most `limit`.
  FileBytes read(const std::string& name, std::optional<uint64_t> size, uint64_t limit = UINT64_MAX) const;
  uint64_t size_of(const std::string& name) const;
  bool contains(const std::string& name) const;  // of any kind
  std::vector<std::string> list() const;         // sorted

  std::optional<Directory> make(const std::string& name) const;  // nullopt when the name is taken
  // A new file of these parts, on disk and closed when this returns. Throws cannot_create, io, SyncError.
  WrittenFile write(const std::string& name, std::span<const std::span<const std::byte>> parts) const;
  WrittenFile write(const std::string& name, std::string_view text) const;
  void sync() const;                                                      // SyncError
  bool rename_new(const std::string& from, const std::string& to) const;  // false when `to` is there
  bool exchange(const std::string& a, const std::string& b) const;        // false when the file system cannot
  void rename_over(const std::string& from, const std::string& to) const;
  void remove_file(const std::string& name) const;
  bool remove_directory(const std::string& name) const;  // false when it is not empty

 private:
  Directory(Descriptor descriptor, std::filesystem::path path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}
  Descriptor descriptor_;
  std::filesystem::path path_;
};

// "<what>: <the system's words>" for errno.
[[noreturn]] void fail_errno(ErrorKind kind, const std::string& path, const char* what, int error);

}  // namespace nnx
