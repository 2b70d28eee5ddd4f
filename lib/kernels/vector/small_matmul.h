// Matrix multiplication for sizes where a library call costs more than the arithmetic.
#pragma once

#include "kernels/vector/simd.h"

namespace nnx::kernels {
namespace {

// `rows` rows and `width` vectors of columns are kept in registers over the whole of k.
template <int rows, int width>
inline void multiply_block(const float* lhs, int64_t lhs_row, int64_t lhs_col, const float* rhs, int64_t ldb,
                           const float* bias, float* out, int64_t ldc, int64_t n, int64_t k) {
  F sum[rows][width];
  int64_t count[width];
  for (int w = 0; w < width; ++w) {
    count[w] = n - w * lanes < lanes ? n - w * lanes : lanes;
    const F start = bias ? load_upto(bias + w * lanes, count[w]) : F{};
    for (int i = 0; i < rows; ++i) sum[i][w] = start;
  }
  for (int64_t p = 0; p < k; ++p) {
    F b[width];
    for (int w = 0; w < width; ++w) b[w] = load_upto(rhs + p * ldb + w * lanes, count[w]);
    for (int i = 0; i < rows; ++i) {
      const F a = splat(lhs[i * lhs_row + p * lhs_col]);
      for (int w = 0; w < width; ++w) sum[i][w] = fma(a, b[w], sum[i][w]);
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int w = 0; w < width; ++w) store_upto<float>(out + i * ldc + w * lanes, sum[i][w], count[w]);
  }
}

template <int width>
inline void multiply_columns(const float* lhs, int64_t lhs_row, int64_t lhs_col, const float* rhs, int64_t ldb,
                             const float* bias, float* out, int64_t ldc, int64_t m, int64_t n, int64_t k) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) {
    multiply_block<4, width>(lhs + i * lhs_row, lhs_row, lhs_col, rhs, ldb, bias, out + i * ldc, ldc, n, k);
  }
  for (; i < m; ++i)
    multiply_block<1, width>(lhs + i * lhs_row, lhs_row, lhs_col, rhs, ldb, bias, out + i * ldc, ldc, n, k);
}

inline void small_matmul(const float* lhs, int64_t lhs_row, int64_t lhs_col, const float* rhs, int64_t ldb,
                         const float* bias, float* out, int64_t ldc, int64_t m, int64_t n, int64_t k) {
  for (int64_t j = 0; j < n; j += 2 * lanes) {
    const float* bias_j = bias ? bias + j : nullptr;
    if (n - j > lanes) {
      multiply_columns<2>(lhs, lhs_row, lhs_col, rhs + j, ldb, bias_j, out + j, ldc, m,
                          n - j < 2 * lanes ? n - j : 2 * lanes, k);
    } else {
      multiply_columns<1>(lhs, lhs_row, lhs_col, rhs + j, ldb, bias_j, out + j, ldc, m, n - j, k);
    }
  }
}

}  // namespace
}  // namespace nnx::kernels
