// bf16: the upper half of a float. A storage type for operands of contractions; arithmetic is done in f32.
//
//   bf16 x(1.00390625f);          // to the nearest, ties to even: 1.0
//   float y = x;                  // exact
#pragma once

#include <bit>
#include <cstdint>

namespace nnx {

struct bf16 {
  uint16_t bits = 0;

  bf16() = default;
  explicit bf16(float x) {
    const auto word = std::bit_cast<uint32_t>(x);
    const uint32_t rounded = word + 0x7fffu + (word >> 16 & 1u);
    bits = static_cast<uint16_t>(x == x ? rounded >> 16 : word >> 16 | 0x40u);  // a NaN stays one
  }
  operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

}  // namespace nnx
