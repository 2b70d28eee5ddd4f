#include "array/buffer.h"

#include <fmt/format.h>

#include <atomic>
#include <new>

#include "base/error.h"

namespace nnx {
namespace {
constexpr std::align_val_t alignment{64};
std::atomic<int64_t> allocation_count{0};
}  // namespace

std::shared_ptr<Buffer> Buffer::allocate(size_t bytes) {
  // Rounded up so that a vector kernel may read a whole last vector.
  const size_t rounded = (bytes + 63) / 64 * 64;
  void* data = ::operator new(rounded ? rounded : 64, alignment, std::nothrow);
  if (!data) fail(ErrorKind::internal, {.where = "buffer", .message = fmt::format("out of memory allocating {} bytes", bytes)});
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  return std::shared_ptr<Buffer>(new Buffer(data, bytes));
}

Buffer::~Buffer() { ::operator delete(data_, alignment); }

int64_t Buffer::allocations() { return allocation_count.load(std::memory_order_relaxed); }

}  // namespace nnx
