// JAX's default generator (threefry2x32, partitionable) and samplers, bit for bit; a key is u32[2].
//
// Element i of a draw depends only on (key, i): draws do not depend on threads, and a mask can be computed again instead
// of stored. Algorithms: flax-census 5.2-5.4 (jax/_src/prng.py, jax/_src/random.py describe the same).
#pragma once

#include "graph/trace.h"

namespace nnx::random {

Array key(uint64_t seed);                                     // u32[2]: high word, low word
Array fold_in(const Array& key, const Array& data);           // data: u32 or i32 scalar
Array fold_in(const Array& key, uint32_t data);
Array split(const Array& key, const Shape& shape);            // u32[shape..., 2]
Array split(const Array& key, int64_t n = 2);
Array bits(const Array& key, const Shape& shape);             // u32
Array uniform(const Array& key, const Shape& shape, double low = 0, double high = 1, DType dtype = DType::f32);
Array normal(const Array& key, const Shape& shape, DType dtype = DType::f32);
Array truncated_normal(const Array& key, double lower, double upper, const Shape& shape, DType dtype = DType::f32);
Array bernoulli(const Array& key, const Array& p, const Shape& shape);     // bool; p: f32 scalar, or broadcastable
Array bernoulli(const Array& key, double p, const Shape& shape);
Array randint(const Array& key, const Shape& shape, int64_t low, int64_t high);   // i32 in [low, high)
Array permutation(const Array& key, int64_t n);               // i32

}  // namespace nnx::random
