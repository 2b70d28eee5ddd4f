// threefry2x32 against the vectors that Random123 publishes.
#include <doctest/doctest.h>

#include "kernels/kernel.h"
#include "ops/all.h"

namespace nnx::kernels {

TEST_CASE("threefry2x32 gives Random123's words") {
  uint32_t k0[] = {0, 0xffffffff, 0x13198a2e}, k1[] = {0, 0xffffffff, 0x03707344};
  uint32_t x0[] = {0, 0xffffffff, 0x243f6a88}, x1[] = {0, 0xffffffff, 0x85a308d3};
  uint32_t y0[3] = {}, y1[3] = {};
  const Type words{DType::u32, {3}};
  const std::vector<Type> in(4, words), out(2, words);
  const KernelPtr kernel = make_kernel(*find_op("threefry2x32"), {}, in, out, 1);
  REQUIRE(kernel);
  void* const args[] = {k0, k1, x0, x1, y0, y1};
  kernel->run(args);
  const uint32_t hi[] = {0x6b200159, 0x1cb996fc, 0xc4923a9c}, lo[] = {0x99ba4efe, 0xbb002be7, 0x483df7a0};
  for (size_t i = 0; i < 3; ++i) {
    CHECK(y0[i] == hi[i]);
    CHECK(y1[i] == lo[i]);
  }
}

}  // namespace nnx::kernels
