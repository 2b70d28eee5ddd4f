// JAX's threefry2x32 random bits on the host: a RandomKey and its algebra, bit for bit as jax.random with
// `jax_threefry_partitionable=True`.
//
//   const RandomKey key = fold_in(random_key(seed), epoch);
//   const uint32_t word = random_bits(key, i);      // element i of jax.random.bits(key, (n,), uint32), for any n > i
//
// Everything is a pure function of (key, linear index): no state, no order, no thread can change a number.
// Sources: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), and JAX's threefry key rules.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace nnx {

struct RandomKey {
  uint32_t hi = 0, lo = 0;
  friend constexpr bool operator==(const RandomKey&, const RandomKey&) = default;
};

// 20 rounds of threefry over the counter (x0, x1).
constexpr RandomKey threefry2x32(RandomKey key, uint32_t x0, uint32_t x1) {
  constexpr std::array<std::array<int, 4>, 2> rotations = {{{13, 15, 26, 6}, {17, 29, 16, 24}}};
  const std::array<uint32_t, 3> words = {key.hi, key.lo, key.hi ^ key.lo ^ 0x1BD11BDAu};
  x0 += words[0];
  x1 += words[1];
  for (uint32_t group = 0; group < 5; ++group) {
    for (const int r : rotations[group % 2]) {
      x0 += x1;
      x1 = std::rotl(x1, r) ^ x0;
    }
    x0 += words[(group + 1) % 3];
    x1 += words[(group + 2) % 3] + group + 1;
  }
  return {x0, x1};
}

// jax.random.key(seed); a negative seed is given as its two's complement.
constexpr RandomKey random_key(uint64_t seed) { return {static_cast<uint32_t>(seed >> 32), static_cast<uint32_t>(seed)}; }

// jax.random.fold_in(key, data).
constexpr RandomKey fold_in(RandomKey key, uint32_t data) { return threefry2x32(key, 0, data); }

// RandomKey `index` of jax.random.split(key, n), for any n > index.
constexpr RandomKey split_key(RandomKey key, uint64_t index) {
  return threefry2x32(key, static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(index));
}

// Element `index` of jax.random.bits(key, shape, uint32), in row-major order.
constexpr uint32_t random_bits(RandomKey key, uint64_t index) {
  const RandomKey words = split_key(key, index);
  return words.hi ^ words.lo;
}

}  // namespace nnx
