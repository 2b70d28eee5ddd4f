// Sums of the columns of rows of floats that lie one after the other. Up to 64 rows are added in float, these sums in double.
#pragma once

#include "kernels/vector/simd.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {
namespace {

constexpr int64_t rows_in_float = 64;
constexpr int column_vectors = lanes == 16 ? 8 : 4;  // in flight; baseline and AVX2 have 16 registers

// The sum of `rows` rows, of `width` whole vectors of columns.
template <int width> inline void add_rows(F (&sum)[width], const float* p, int64_t n, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r, p += n) {
#pragma GCC unroll 8
    for (int w = 0; w < width; ++w) sum[w] += load(p + w * lanes);
  }
}
// Of one vector of columns or less: every fourth row by itself, since one sum waits for the other.
inline F sum_of_rows(const float* p, int64_t n, int64_t rows, int64_t left) {
  F sum[4] = {};
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, p += 4 * n) {
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sum[q] += load_upto(p + q * n, left);
  }
  for (; r < rows; ++r, p += n) sum[0] += load_upto(p, left);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// Calls put(i, low, high, left) for every vector of columns with its sums; `left` of them count.
template <class Put> inline void sum_columns(const float* p, int64_t n, int64_t rows, Put put) {
  const auto each_chunk = [&](auto f) {
    for (int64_t first = 0; first < rows; first += rows_in_float)
      f(p + first * n, rows - first < rows_in_float ? rows - first : rows_in_float);
  };
  int64_t i = 0;
  for (; i + column_vectors * lanes <= n; i += column_vectors * lanes) {
    D low[column_vectors] = {}, high[column_vectors] = {};
    each_chunk([&](const float* chunk, int64_t count) {
      F sum[column_vectors] = {};
      add_rows(sum, chunk + i, n, count);
#pragma GCC unroll 8
      for (int w = 0; w < column_vectors; ++w) {
        D lower, higher;
        widen(sum[w], lower, higher);
        low[w] += lower;
        high[w] += higher;
      }
    });
#pragma GCC unroll 8
    for (int w = 0; w < column_vectors; ++w) put(i + w * lanes, low[w], high[w], lanes);
  }
  for (; i < n; i += lanes) {
    const int64_t left = n - i < lanes ? n - i : lanes;
    D low = {}, high = {};
    each_chunk([&](const float* chunk, int64_t count) {
      D lower, higher;
      widen(sum_of_rows(chunk + i, n, count, left), lower, higher);
      low += lower;
      high += higher;
    });
    put(i, low, high, left);
  }
}

// out (f32) = the sums of the columns.
inline void column_sums(const VectorCall& c) {
  if (c.rows <= rows_in_float && c.n < column_vectors * lanes) {  // the same, without the way through double
    const float* p = static_cast<const float*>(c.in[0]);
    for (int64_t i = 0; i < c.n; i += lanes) {
      const int64_t left = c.n - i < lanes ? c.n - i : lanes;
      store_upto<float>(static_cast<float*>(c.out) + i, sum_of_rows(p + i, c.n, c.rows, left), left);
    }
    return;
  }
  sum_columns(static_cast<const float*>(c.in[0]), c.n, c.rows, [&](int64_t i, D low, D high, int64_t left) {
    store_upto(static_cast<float*>(c.out) + i, narrow(low, high), left);
  });
}

// out (double) += the sums of the columns.
inline void flush_sum(const VectorCall& c) {
  sum_columns(static_cast<const float*>(c.in[0]), c.n, c.rows, [&](int64_t i, D low, D high, int64_t left) {
    double* out = static_cast<double*>(c.out) + i;
    D sums[2] = {low, high};
    if (left == lanes) {
      D before[2];
      __builtin_memcpy(before, out, sizeof before);
      before[0] += sums[0];
      before[1] += sums[1];
      __builtin_memcpy(out, before, sizeof before);
      return;
    }
    double values[lanes];
    __builtin_memcpy(values, sums, sizeof values);
    for (int64_t k = 0; k < left; ++k) out[k] += values[k];
  });
}

}  // namespace
}  // namespace nnx::kernels
