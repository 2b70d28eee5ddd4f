// A ByteSource streams the bytes of one regular file, inflating it when its content is gzip, and proves at the end that
// nothing was cut off, damaged or left over.
//
// Files are read, never mapped, so that a file that shrinks during training cannot kill the process. Errors name the
// file: ErrorKind::missing when it does not exist, io when it cannot be read, data when it is not what it should be.
//
//   ByteSource in(base / "train-images-idx3-ubyte.gz");
//   while (const size_t n = in.read(chunk)) consume(chunk.first(n));
//   dataset.sources.push_back(in.identity());
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "data/dataset.h"

namespace nnx {

class ByteSource {
 public:
  explicit ByteSource(const std::filesystem::path& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Fills `out` as far as the content goes; less than asked only at its end, where a truncated or damaged gzip stream,
  // bytes after it, and a file that changed its size since it was opened are ErrorKind::data.
  size_t read(std::span<std::byte> out);

  const std::string& name() const;  // the path as errors show it
  bool gzip() const;
  uint64_t file_bytes() const;      // on disk, compressed when gzip
  SourceIdentity identity() const;  // valid once read() has met the end

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nnx
