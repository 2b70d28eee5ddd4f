#include "array/buffer.h"

#include <fmt/format.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/error.h"

namespace nnx {
namespace {

constexpr size_t alignment = 64;
std::atomic<int64_t> allocation_count{0};

// Large Buffers lie on huge pages, where the system gives them on request: a pass over several arrays at once otherwise
// waits for page tables. Each begins a little further on in its page, because arrays that are walked together would keep
// taking each other's place in the caches if they began alike.
constexpr size_t huge_page = 2 << 20, large = huge_page / 2;

void* allocate_large(size_t bytes) {
  static std::atomic<size_t> count{0};
  const size_t shift = count.fetch_add(1, std::memory_order_relaxed) % 8 * (512 + alignment);
  const size_t huge_bytes = (shift + bytes + huge_page / 2) / huge_page * huge_page;  // the rest is on small pages
  const size_t all = std::max(huge_bytes, shift + bytes);
  auto* base = static_cast<std::byte*>(std::aligned_alloc(huge_page, (all + huge_page - 1) / huge_page * huge_page));
  if (!base) return nullptr;
#if defined(__linux__)
  madvise(base, huge_bytes, MADV_HUGEPAGE);  // refused: small pages
#endif
  return base + shift;
}

void free_large(void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  std::free(static_cast<std::byte*>(data) - address % huge_page);
}

}  // namespace

std::shared_ptr<Buffer> Buffer::allocate(size_t bytes) {
  // Rounded up so that a vector kernel may read a whole last vector.
  const size_t rounded = (bytes + 63) / 64 * 64;
  void* data = rounded >= large ? allocate_large(rounded) : std::aligned_alloc(alignment, rounded ? rounded : alignment);
  if (!data) fail(ErrorKind::internal, {.where = "buffer", .message = fmt::format("out of memory allocating {} bytes", bytes)});
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  return std::shared_ptr<Buffer>(new Buffer(data, bytes));
}

Buffer::~Buffer() {
  if ((bytes_ + 63) / 64 * 64 >= large) free_large(data_);
  else std::free(data_);
}

int64_t Buffer::allocations() { return allocation_count.load(std::memory_order_relaxed); }

}  // namespace nnx
