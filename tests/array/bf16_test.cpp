// Rounding to bf16: known answers of PyTorch's float32 to bfloat16, by bits.
#include "array/bf16.h"

#include <doctest/doctest.h>

#include <cmath>

namespace nnx::test {

TEST_CASE("a float becomes the nearest bf16, ties to even") {
  struct {
    uint32_t from;
    uint16_t to;
  } const answers[] = {
      {0x3f800000, 0x3f80},  // 1
      {0x3f808000, 0x3f80},  // a tie, down to even
      {0x3f818000, 0x3f82},  // a tie, up to even
      {0x3f808001, 0x3f81},  // just above a tie
      {0x40490fdb, 0x4049},  // pi
      {0xbdcccccd, 0xbdcd},  // -0.1
      {0x80000000, 0x8000},  // -0
      {0x00012345, 0x0001},  // a denormal
      {0x7f7fffff, 0x7f80},  // the largest float: infinity
      {0xff800000, 0xff80},  // -infinity
  };
  for (const auto& [from, to] : answers) CHECK(bf16(std::bit_cast<float>(from)).bits == to);
  CHECK(std::isnan(float{bf16(NAN)}));
  CHECK(std::isnan(float{bf16(std::bit_cast<float>(0x7f800001u))}));  // whose upper half is infinity
}

TEST_CASE("every bf16 is a float, and comes back") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    bf16 x;
    x.bits = static_cast<uint16_t>(bits);
    if (!std::isnan(float{x})) REQUIRE(bf16(float{x}).bits == bits);
  }
}

}  // namespace nnx::test
