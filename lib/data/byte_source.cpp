#include "data/byte_source.h"

#include <fmt/format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;

// What to do about a missing file: the package that holds it, a file of nearly that name, or how paths are read.
std::string missing_hint(const fs::path& path) {
  const std::string prefix = "/usr/share/datasets/";
  const std::string text = path.string();
  if (text.starts_with(prefix)) {
    const std::string set = text.substr(prefix.size(), text.find('/', prefix.size()) - prefix.size());
    return fmt::format("it comes with a Debian package: apt-get install dataset-{}", set);
  }
  std::error_code ignored;
  std::vector<std::string> names;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  fs::directory_iterator it(folder, ignored);
  for (; !ignored && it != fs::directory_iterator() && names.size() < 1000; it.increment(ignored))
    names.push_back(it->path().filename().string());
  if (names.empty()) return "";
  const std::string near = nearest(path.filename().string(), names);
  if (near.empty()) return "";
  return fmt::format("did you mean {}?", nnx::in_quotes((path.parent_path() / near).string()));
}

}  // namespace

struct ByteSource::Impl {
  std::string name;
  int fd = -1;
  uint64_t size = 0, taken = 0;  // bytes on disk, and how many of them were read
  uint32_t crc = 0;
  bool gzip = false, inflating = false, done = false;
  z_stream stream{};
  std::array<unsigned char, 65536> raw;
  size_t raw_begin = 0, raw_end = 0;

  ~Impl() {
    if (inflating) inflateEnd(&stream);
    if (fd >= 0) ::close(fd);
  }

  // Reads the next raw bytes; false at the end of the file.
  bool refill() {
    for (;;) {
      const ssize_t got = ::read(fd, raw.data(), raw.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        fail(ErrorKind::io, {.where = name, .message = fmt::format("cannot read: {}", std::strerror(errno))});
      raw_begin = 0;
      raw_end = static_cast<size_t>(got);
      taken += raw_end;
      crc = static_cast<uint32_t>(crc32(crc, raw.data(), static_cast<uInt>(raw_end)));
      return got > 0;
    }
  }

  void finish() {
    done = true;
    if (taken != size)
      fail(ErrorKind::data, {.where = name,
                             .message = "the file changed while it was read",
                             .expected = fmt::format("{} bytes", size),
                             .got = fmt::to_string(taken)});
  }

  size_t copy(std::span<std::byte> out) {
    size_t filled = 0;
    while (filled < out.size()) {
      if (raw_begin == raw_end && !refill()) {
        finish();
        break;
      }
      const size_t n = std::min(out.size() - filled, raw_end - raw_begin);
      std::memcpy(out.data() + filled, raw.data() + raw_begin, n);
      raw_begin += n;
      filled += n;
    }
    return filled;
  }

  // A gzip file is one or more members; after the last one nothing may follow.
  void next_member() {
    if (raw_begin == raw_end && !refill()) return finish();
    if (raw[raw_begin] != 0x1f)
      fail(ErrorKind::data, {.where = name,
                             .message = fmt::format("bytes after the end of the gzip data, at offset {}",
                                                    taken - (raw_end - raw_begin))});
    inflateReset(&stream);
  }

  size_t inflate_into(std::span<std::byte> out) {
    size_t filled = 0;
    while (filled < out.size() && !done) {
      if (raw_begin == raw_end && !refill())
        fail(ErrorKind::data, {.where = name, .message = "the gzip data is truncated", .hint = "fetch the file again"});
      stream.next_in = raw.data() + raw_begin;
      stream.avail_in = static_cast<uInt>(raw_end - raw_begin);
      stream.next_out = reinterpret_cast<unsigned char*>(out.data() + filled);
      const size_t room = std::min(out.size() - filled, size_t{1} << 30);
      stream.avail_out = static_cast<uInt>(room);
      const int status = ::inflate(&stream, Z_NO_FLUSH);
      raw_begin = raw_end - stream.avail_in;
      filled += room - stream.avail_out;
      if (status == Z_STREAM_END) next_member();
      else if (status != Z_OK)
        fail(ErrorKind::data,
             {.where = name,
              .message = fmt::format("damaged gzip data before offset {}: {}", taken - (raw_end - raw_begin),
                                     stream.msg ? stream.msg : "inflate failed")});
    }
    return filled;
  }
};

ByteSource::ByteSource(const fs::path& path) : impl_(std::make_unique<Impl>()) {
  Impl& in = *impl_;
  in.name = path.lexically_normal().string();
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it is refused below.
  in.fd = ::open(in.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (in.fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    fail(ErrorKind::missing, {.where = in.name, .message = "no such file", .hint = missing_hint(in.name)});
  struct stat info {};
  if (in.fd < 0 || ::fstat(in.fd, &info) != 0)
    fail(ErrorKind::io, {.where = in.name, .message = fmt::format("cannot open: {}", std::strerror(errno))});
  if (!S_ISREG(info.st_mode))
    fail(ErrorKind::data, {.where = in.name,
                           .expected = "a regular file",
                           .got = S_ISDIR(info.st_mode) ? "a directory" : "a device, pipe or socket"});
  in.size = static_cast<uint64_t>(info.st_size);
  if (in.size == 0) fail(ErrorKind::data, {.where = in.name, .message = "the file is empty"});
  in.gzip = in.refill() && in.raw_end >= 2 && in.raw[0] == 0x1f && in.raw[1] == 0x8b;
  if (in.gzip) {
    check(inflateInit2(&in.stream, 15 + 16) == Z_OK, "zlib could not start");  // + 16: gzip framing, CRC checked
    in.inflating = true;
  }
}

ByteSource::~ByteSource() = default;

size_t ByteSource::read(std::span<std::byte> out) {
  if (impl_->done) return 0;
  return impl_->gzip ? impl_->inflate_into(out) : impl_->copy(out);
}

const std::string& ByteSource::name() const { return impl_->name; }
bool ByteSource::gzip() const { return impl_->gzip; }
uint64_t ByteSource::file_bytes() const { return impl_->size; }

SourceIdentity ByteSource::identity() const {
  check(impl_->done, "a ByteSource knows its identity only at its end");
  return {.path = impl_->name, .bytes = impl_->size, .crc32 = impl_->crc};
}

}  // namespace nnx
