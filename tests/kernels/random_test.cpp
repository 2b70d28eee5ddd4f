// threefry2x32 against the vectors that Random123 publishes; draws of many keys against the scalar form.
#include <doctest/doctest.h>

#include "base/threefry.h"
#include "kernels/kernel.h"
#include "ops/all.h"
#include "ops/attrs.h"

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

TEST_CASE("threefry2x32 of many words is that of each") {
  constexpr uint32_t n = 37;
  std::vector<uint32_t> in[4], first(n), second(n);
  for (uint32_t k = 0; k < 4; ++k)
    for (uint32_t i = 0; i < n; ++i) in[k].push_back(i * 2654435761u + k);
  const Type words{DType::u32, {n}};
  const KernelPtr kernel =
      make_kernel(*find_op("threefry2x32"), {}, std::vector<Type>(4, words), std::vector<Type>(2, words), 1);
  void* const args[] = {in[0].data(), in[1].data(), in[2].data(), in[3].data(), first.data(), second.data()};
  kernel->run(args);
  for (uint32_t i = 0; i < n; ++i) {
    const RandomKey expected = threefry2x32({in[0][i], in[1][i]}, in[2][i], in[3][i]);
    CHECK(first[i] == expected.hi);
    CHECK(second[i] == expected.lo);
  }
}

TEST_CASE("bits of many keys are those of each") {
  for (const int64_t each : {0, 1, 15, 64, 70, 3000}) {
    std::vector<uint32_t> keys;
    for (uint32_t i = 0; i < 12; ++i) keys.push_back(i * 2654435761u);
    std::vector<uint32_t> out(static_cast<size_t>(6 * each));
    const std::vector<Type> in{{DType::u32, {2, 3, 2}}}, result{{DType::u32, {2, 3, each}}};
    const KernelPtr kernel = make_kernel(*find_op("random_bits"), RandomBitsAttrs{{each}}, in, result, 2);
    REQUIRE(kernel);
    void* const args[] = {keys.data(), out.data()};
    kernel->run(args);
    int wrong = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t key = i / static_cast<size_t>(each);
      wrong += out[i] != random_bits({keys[2 * key], keys[2 * key + 1]}, i % static_cast<size_t>(each));
    }
    CHECK(wrong == 0);
  }
}

}  // namespace nnx::kernels
