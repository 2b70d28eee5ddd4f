// Building and running kernels in tests: random data, a scalar oracle in double, one call that owns the scratch.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "array/buffer.h"
#include "base/threefry.h"
#include "kernels/fused_loop.h"

namespace nnx::kernels {

constexpr DType f32 = DType::f32, f64 = DType::f64, i32 = DType::i32, u32 = DType::u32, boolean = DType::boolean;

inline void run_kernel(const Kernel& kernel, std::vector<void*> args) {
  const BufferRef scratch = Buffer::allocate(kernel.scratch_bytes() + 64);
  std::memset(scratch->data(), 0xff, kernel.scratch_bytes());  // nothing may count on zeros
  args.push_back(scratch->data());
  kernel.run(args.data());
}

// Uniform in [low, high), a function of (seed, i).
inline std::vector<float> random_floats(uint32_t seed, int64_t n, float low = -1, float high = 1) {
  std::vector<float> v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) {
    const double u = random_bits(random_key(seed), i) / 4294967296.0;
    v[i] = static_cast<float>(low + (high - low) * u);
  }
  return v;
}

// Distance in units in the last place of the float nearest to `exact`.
inline double ulps(float value, double exact) {
  const float nearest = static_cast<float>(exact);
  if (std::isnan(exact) || std::isnan(value)) return std::isnan(exact) && std::isnan(value) ? 0 : 1e9;
  if (std::isinf(nearest) || std::isinf(value)) return nearest == value ? 0 : 1e9;
  const float a = std::fabs(nearest);
  const double unit = static_cast<double>(std::nextafter(a, INFINITY)) - static_cast<double>(a);
  return std::fabs(static_cast<double>(value) - exact) / unit;
}

}  // namespace nnx::kernels
