// A Buffer is one block of bytes, 64-byte aligned, shared by reference count. Whoever writes into a Buffer must be its
// only holder (use_count() == 1); everyone else reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace nnx {

class Buffer {
 public:
  static std::shared_ptr<Buffer> allocate(size_t bytes);   // uninitialised; throws ErrorKind::internal when out of memory
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() { return data_; }
  const void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  template <class T> T* as() { return static_cast<T*>(data_); }
  template <class T> const T* as() const { return static_cast<const T*>(data_); }

  static int64_t allocations();   // how many Buffers this process has allocated: for tests that a step allocates none

 private:
  Buffer(void* data, size_t bytes) : data_(data), bytes_(bytes) {}
  void* data_;
  size_t bytes_;
};

using BufferRef = std::shared_ptr<Buffer>;

}  // namespace nnx
