#include "array/buffer.h"

#include <doctest/doctest.h>

#include <cstring>

#include "array/dtype.h"
#include "base/error.h"

namespace nnx::test {

TEST_CASE("buffers are aligned, counted and as large as asked") {
  const int64_t before = Buffer::allocations();
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{64}, size_t{1000}}) {
    const BufferRef buffer = Buffer::allocate(bytes);
    CHECK(buffer->bytes() == bytes);
    CHECK(reinterpret_cast<uintptr_t>(buffer->data()) % 64 == 0);
    std::memset(buffer->data(), 1, bytes);
  }
  CHECK(Buffer::allocations() == before + 4);
}

TEST_CASE("an impossible allocation is an error") { CHECK_THROWS_AS(Buffer::allocate(size_t{1} << 62), Error); }

TEST_CASE("dtypes have names and sizes") {
  for (const DType d : all_dtypes)
    CHECK(dtype_from_name(name_of(d)) == d);
  CHECK(size_of(DType::f64) == 8);
  CHECK(size_of(DType::u32) == 4);
  CHECK(size_of(DType::boolean) == 1);
  CHECK(size_of(DType::bf16) == 2);
  CHECK(name_of(dtype_of<bool>) == "bool");
  CHECK(is_floating(DType::f64));
  CHECK(is_floating(DType::bf16));
  CHECK(!is_floating(DType::i32));
  CHECK(is_integer(DType::u32));
  CHECK(!is_integer(DType::boolean));
  CHECK_THROWS_WITH_AS(dtype_from_name("f16"), "dtype: expected f32, f64, i32, u32, bool or bf16, got 'f16'", Error);
}

}  // namespace nnx::test
