// Matrix multiplication for sizes where a library call costs more than the arithmetic.
#pragma once

#include <utility>

#include "kernels/vector/simd.h"

namespace nnx::kernels {
namespace {

struct SmallMatmulCall {
  const float* lhs;
  int64_t lhs_row, lhs_col;
  const float* rhs;
  int64_t ldb;
  const float* bias;
  float* out;
  int64_t ldc, n, k;
};

// op(0), ..., op(count - 1) with constant indices: an array indexed in a loop would live in memory.
template <int count, class Op> inline void times(Op op) {
  [&]<int... i>(std::integer_sequence<int, i...>) { (op(std::integral_constant<int, i>{}), ...); }
  (std::make_integer_sequence<int, count>{});
}

// `rows` rows and `width` vectors of columns are kept in registers over the whole of k; with `partial` the last vector
// has fewer columns.
template <int rows, int width, bool partial>
inline void multiply_block(const SmallMatmulCall& c, int64_t row, int64_t j) {
  const int64_t last = partial ? c.n - j - (width - 1) * lanes : lanes;
  const auto load_vector = [&](const float* p, int w) {
    return partial && w == width - 1 ? load_part(p + w * lanes, last) : load(p + w * lanes);
  };
  F sum[rows * width];
  times<width>([&](auto w) {
    const F start = c.bias ? load_vector(c.bias + j, w) : F{};
    times<rows>([&](auto i) { sum[i * width + w] = start; });
  });
  const float* lhs = c.lhs + row * c.lhs_row;
  const float* rhs = c.rhs + j;
  for (int64_t p = 0; p < c.k; ++p, lhs += c.lhs_col, rhs += c.ldb) {
    F b[width];
    times<width>([&](auto w) { b[w] = load_vector(rhs, w); });
    times<rows>([&](auto i) {
      const F a = splat(lhs[i * c.lhs_row]);
      times<width>([&](auto w) { sum[i * width + w] = fma(a, b[w], sum[i * width + w]); });
    });
  }
  times<rows>([&](auto i) {
    float* out = c.out + (row + i) * c.ldc + j;
    times<width>([&](auto w) {
      if (partial && w == width - 1) store_part<float>(out + w * lanes, sum[i * width + w], last);
      else store<float>(out + w * lanes, sum[i * width + w]);
    });
  });
}

using MultiplyBlock = void (*)(const SmallMatmulCall&, int64_t row, int64_t j);

// All rows of `width` vectors of columns, in blocks as even as can be: a last block of one row would wait for itself.
template <int width, bool partial> inline void multiply_columns(const SmallMatmulCall& c, int64_t j, int64_t m) {
  constexpr int most = width == 1 ? 8 : lanes == 16 ? 6 : 4;
  static constexpr auto blocks = []<int... r>(std::integer_sequence<int, r...>) {
    struct Table {
      MultiplyBlock of_rows[most];
    };
    return Table{{multiply_block<r + 1, width, partial>...}};
  }
  (std::make_integer_sequence<int, most>{});
  const int64_t count = (m + most - 1) / most;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = m * i / count, rows = m * (i + 1) / count - first;
    blocks.of_rows[rows - 1](c, first, j);
  }
}

// to[j * ldb + i] = from[i * lda + j] for i < rows, j < cols, in blocks of four by four.
inline void transpose(const float* from, int64_t lda, float* to, int64_t ldb, int64_t rows, int64_t cols) {
  using Four = typename VecOf<float, 4>::type;
  const auto load_four = [](const float* p) {
    Four v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  };
  const int64_t whole_rows = rows / 4 * 4, whole_cols = cols / 4 * 4;
  for (int64_t i = 0; i < whole_rows; i += 4) {
    for (int64_t j = 0; j < whole_cols; j += 4) {
      const float* p = from + i * lda + j;
      const Four a = load_four(p), b = load_four(p + lda), c = load_four(p + 2 * lda), d = load_four(p + 3 * lda);
      const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                 ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                 cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const Four result[4] = {
          __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
      for (int64_t q = 0; q < 4; ++q) __builtin_memcpy(to + (j + q) * ldb + i, &result[q], sizeof(Four));
    }
    for (int64_t j = whole_cols; j < cols; ++j) {
      for (int64_t q = 0; q < 4; ++q) to[j * ldb + i + q] = from[(i + q) * lda + j];
    }
  }
  for (int64_t i = whole_rows; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) to[j * ldb + i] = from[i * lda + j];
  }
}

inline void small_matmul(const float* lhs, int64_t lhs_row, int64_t lhs_col, const float* rhs, int64_t ldb,
                         const float* bias, float* out, int64_t ldc, int64_t m, int64_t n, int64_t k) {
  const SmallMatmulCall c{lhs, lhs_row, lhs_col, rhs, ldb, bias, out, ldc, n, k};
  int64_t j = 0;
  for (; j + 2 * lanes <= n; j += 2 * lanes) multiply_columns<2, false>(c, j, m);
  const int64_t left = n - j;
  if (left > lanes) multiply_columns<2, true>(c, j, m);
  else if (left == lanes) multiply_columns<1, false>(c, j, m);
  else if (left > 0) multiply_columns<1, true>(c, j, m);
}

}  // namespace
}  // namespace nnx::kernels
