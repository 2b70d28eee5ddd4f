// The loops that reference kernels share: choosing the C++ type once, and walking an index space.
//
//   by_dtype<float, double>(call.in_types[0].dtype, [&](auto zero) { using T = decltype(zero); ... });
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "reference/kernels.h"

namespace nnx::reference {

// Calls f with a value of the one of Ts that holds `dtype`; infer rules let no other through.
template <class... Ts, class F>
void by_dtype(DType dtype, F&& f) {
  const bool found = ((dtype == dtype_of<Ts> ? (f(Ts{}), true) : false) || ...);
  check(found, "a reference kernel was given a dtype that its op does not take");
}

inline std::vector<int64_t> row_major_strides(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 1);
  for (int i = shape.rank() - 2; i >= 0; --i)
    strides[static_cast<size_t>(i)] = strides[static_cast<size_t>(i) + 1] * shape[i + 1];
  return strides;
}

// Calls f(linear index, sum of index * stride) for each index of `shape` in row-major order.
template <class F>
void walk(const Shape& shape, const std::vector<int64_t>& strides, F&& f) {
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()), 0);
  int64_t offset = 0;
  for (int64_t i = 0, n = shape.size(); i < n; ++i) {
    f(i, offset);
    for (int d = shape.rank() - 1; d >= 0; --d) {
      const auto s = static_cast<size_t>(d);
      offset += strides[s];
      if (++index[s] < shape[d]) break;
      offset -= index[s] * strides[s];
      index[s] = 0;
    }
  }
}

// Calls f(first, n, stride) for each line of n elements along `axis`: they lie at first + i * stride.
template <class F>
void for_each_line(const Shape& shape, int axis, F&& f) {
  if (shape.size() == 0) return;
  const int64_t n = shape[axis];
  const int64_t stride = row_major_strides(shape)[static_cast<size_t>(axis)];
  for (int64_t outer = 0; outer < shape.size() / (n * stride); ++outer)
    for (int64_t inner = 0; inner < stride; ++inner) f(outer * n * stride + inner, n, stride);
}

template <class T> const T* input(const Call& call, size_t i) { return static_cast<const T*>(call.in[i]); }
template <class T> T* output(const Call& call, size_t i) { return static_cast<T*>(call.out[i]); }

}  // namespace nnx::reference
