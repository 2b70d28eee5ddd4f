// Row kernels: softmax, log_softmax, cross-entropy, argmax and layer_norm over contiguous rows. A long row is worked on
// by itself, `lanes` elements at a time, and is read from L1; short rows `lanes` rows at a time, one a lane.
#pragma once

#include "kernels/vector/math.h"
#include "kernels/vector/small_matmul.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {
namespace {

constexpr float minus_infinity = -__builtin_inff();

inline float max_lanes(F x) {
  return fold(x, [](auto a, auto b) { return (a > b) | (a != a) ? a : b; });
}

inline float row_max(const float* x, int64_t c) {
  F m = splat(minus_infinity);
  int64_t j = 0;
  for (; j + lanes <= c; j += lanes) m = maximum(m, load(x + j));
  if (j < c) m = maximum(m, load_part(x + j, c - j, minus_infinity));
  return max_lanes(m);
}

// y = exp(x - shift) when y is given; the sum either way. Sums of up to 16 vectors in float, beyond that in double.
template <bool keep> inline double exp_row(const float* x, float shift, float* y, int64_t c) {
  double total = 0;
  for (int64_t block = 0; block < c; block += 16 * lanes) {
    const int64_t end = c - block < 16 * lanes ? c : block + 16 * lanes;
    F sum = {};
    int64_t j = block;
    for (; j + lanes <= end; j += lanes) {
      const F e = exp(load(x + j) - shift);
      if constexpr (keep) store<float>(y + j, e);
      sum += e;
    }
    if (j < end) {
      const F e = exp(load_part(x + j, end - j, minus_infinity) - shift);
      if constexpr (keep) store_part<float>(y + j, e, end - j);
      sum += e;
    }
    total += sum_lanes(sum);
  }
  return total;
}

// The lanes k of b without bit `width` and those of a with it change places.
template <int width, int... k> inline void exchange(F& a, F& b, std::integer_sequence<int, k...>) {
  const F low = __builtin_shufflevector(a, b, ((k & width) != 0 ? lanes + k - width : k)...);
  b = __builtin_shufflevector(a, b, ((k & width) != 0 ? lanes + k : k + width)...);
  a = low;
}
// Lane i of x[j] and lane j of x[i] change places: first in blocks of half the lanes, then of a quarter, ...
template <int width = lanes / 2> inline void transpose_square(F (&x)[lanes]) {
  times<lanes>([&](auto i) {
    if constexpr ((i & width) == 0) exchange<width>(x[i], x[i + width], std::make_integer_sequence<int, lanes>{});
  });
  if constexpr (width > 1) transpose_square<width / 2>(x);
}

// A block of up to `lanes` short rows, one a lane: column j holds element j of each. Lanes do not mix, so that a row's
// results depend neither on its neighbours nor on its place in the block.
class Columns {
 public:
  Columns(int64_t count) : count_(count) {}
  int64_t count() const { return count_; }
  F& operator[](int64_t j) { return at_[j]; }
  F operator[](int64_t j) const { return at_[j]; }

  // n rows that follow each other; a lane without a row has zeros.
  void read(const float* rows, int64_t n) {
    const int64_t c = count_;
    float padded[lanes * longest_short_row];
    if (n < lanes) {
      __builtin_memcpy(padded, rows, static_cast<size_t>(n * c) * sizeof(float));
      __builtin_memset(padded + n * c, 0, static_cast<size_t>((lanes - n) * c) * sizeof(float));
      rows = padded;
    }
    for (int64_t j = 0; j < c; j += lanes) {
      const int64_t width = c - j < lanes ? c - j : lanes;
      F square[lanes];
      times<lanes>([&](auto i) { square[i] = load_upto(rows + i * c + j, width); });
      transpose_square(square);
      times<lanes>([&](auto i) { at_[j + i] = square[i]; });
    }
  }
  void write(float* rows, int64_t n) const {
    const int64_t c = count_;
    float padded[lanes * longest_short_row];
    float* to = n < lanes ? padded : rows;
    for (int64_t j = 0; j < c; j += lanes) {
      const int64_t width = c - j < lanes ? c - j : lanes;
      F square[lanes];
      times<lanes>([&](auto i) { square[i] = at_[j + i]; });
      transpose_square(square);
      times<lanes>([&](auto i) { store_upto<float>(to + i * c + j, square[i], width); });
    }
    if (n < lanes) __builtin_memcpy(rows, padded, static_cast<size_t>(n * c) * sizeof(float));
  }

 private:
  int64_t count_;
  F at_[longest_short_row];
};

// body(columns, i, n) for each block of n <= lanes rows that begins with row i.
template <class Body> inline void by_columns(const float* x, int64_t rows, int64_t c, Body body) {
  Columns columns(c);
  for (int64_t i = 0; i < rows; i += lanes) {
    const int64_t n = rows - i < lanes ? rows - i : lanes;
    columns.read(x + i * c, n);
    body(columns, i, n);
  }
}

// The largest of each row. A NaN may be passed over: the exponentials have it again.
inline F max_column(const Columns& x) {
  F m = splat(minus_infinity);
  for (int64_t j = 0; j < x.count(); ++j) m = greater_of(x[j], m);
  return m;
}

// x = exp(x - the largest of its row); 1 / their sums, which are short enough for float.
inline F become_exp(Columns& x) {
  const F shift = max_column(x);
  F sum = {};
  for (int64_t j = 0; j < x.count(); ++j) sum += x[j] = exp(x[j] - shift);
  return 1.0f / sum;
}

// x -= shift, the largest of its row; the logarithm of the sum of exp(x). The ones that the largest give are kept apart
// from the rest, so that a sum near 1 loses no digits.
inline F become_shifted(Columns& x, F shift) {
  F ones = {}, rest = {};
  for (int64_t j = 0; j < x.count(); ++j) {
    x[j] -= shift;
    const F e = exp(x[j]);
    rest = select(x[j] < 0.0f, rest + e, rest);
    ones = select(x[j] < 0.0f, ones, ones + e);
  }
  return log1p((ones - 1.0f) + rest);
}

inline void softmax_short_rows(const float* x, float* y, int64_t rows, int64_t c) {
  by_columns(x, rows, c, [&](Columns& block, int64_t i, int64_t n) {
    const F scale = become_exp(block);
    for (int64_t j = 0; j < c; ++j) block[j] *= scale;
    block.write(y + i * c, n);
  });
}

inline void log_softmax_short_rows(const float* x, float* y, int64_t rows, int64_t c) {
  by_columns(x, rows, c, [&](Columns& block, int64_t i, int64_t n) {
    const F log_sum = become_shifted(block, max_column(block));
    for (int64_t j = 0; j < c; ++j) block[j] -= log_sum;
    block.write(y + i * c, n);
  });
}

inline void cross_entropy_short_rows(const float* x, const int32_t* labels, float* loss, int64_t rows, int64_t c) {
  by_columns(x, rows, c, [&](Columns& block, int64_t i, int64_t n) {
    const I label = load_upto(labels + i, n);
    const F shift = max_column(block);
    const F log_sum = become_shifted(block, shift);
    F at_label = -shift;
    for (int64_t j = 0; j < c; ++j) at_label = select(label == static_cast<int32_t>(j), block[j], at_label);
    store_upto<float>(loss + i, log_sum - at_label, n);
  });
}

inline void cross_entropy_grad_short_rows(const float* x, const int32_t* labels, const float* ct, float* dx,
                                          int64_t rows, int64_t c) {
  by_columns(x, rows, c, [&](Columns& block, int64_t i, int64_t n) {
    const I label = load_upto(labels + i, n);
    const F weight = load_upto(ct + i, n);
    const F scale = become_exp(block);
    for (int64_t j = 0; j < c; ++j) {
      const F p = block[j] * scale;
      block[j] = select(label == static_cast<int32_t>(j), p - 1.0f, p) * weight;
    }
    block.write(dx + i * c, n);
  });
}

template <bool largest> inline void arg_best_rows(const float* x, int32_t* at, int64_t rows, int64_t c) {
  by_columns(x, rows, c, [&](const Columns& block, int64_t i, int64_t n) {
    F best = block[0];
    I where = {};
    for (int64_t j = 1; j < c; ++j) {
      const F candidate = block[j];
      const I better =
          ~(largest ? candidate <= best : candidate >= best) & (best == best);  // a NaN beats all but a NaN
      best = select(better, candidate, best);
      where = better ? splat(static_cast<int32_t>(j)) : where;
    }
    store_upto<int32_t>(at + i, where, n);
  });
}

inline void softmax_rows(const float* x, float* y, int64_t rows, int64_t c) {
  if (c <= longest_short_row) return softmax_short_rows(x, y, rows, c);
  for (int64_t i = 0; i < rows; ++i, x += c, y += c) {
    const float scale = static_cast<float>(1.0 / exp_row<true>(x, row_max(x, c), y, c));
    for (int64_t j = 0; j < c; j += lanes) {
      const int64_t n = c - j < lanes ? c - j : lanes;
      store_upto<float>(y + j, load_upto(y + j, n) * scale, n);
    }
  }
}

inline double log_double(double x) { return __builtin_log(x); }

inline void log_softmax_rows(const float* x, float* y, int64_t rows, int64_t c) {
  if (c <= longest_short_row) return log_softmax_short_rows(x, y, rows, c);
  for (int64_t i = 0; i < rows; ++i, x += c, y += c) {
    const float shift = row_max(x, c);
    const float log_sum = static_cast<float>(log_double(exp_row<false>(x, shift, nullptr, c)));
    for (int64_t j = 0; j < c; j += lanes) {
      const int64_t n = c - j < lanes ? c - j : lanes;
      store_upto<float>(y + j, (load_upto(x + j, n) - shift) - log_sum, n);
    }
  }
}

inline void cross_entropy_rows(const float* x, const int32_t* labels, float* loss, int64_t rows, int64_t c) {
  if (c <= longest_short_row) return cross_entropy_short_rows(x, labels, loss, rows, c);
  for (int64_t i = 0; i < rows; ++i, x += c) {
    const float shift = row_max(x, c);
    const float log_sum = static_cast<float>(log_double(exp_row<false>(x, shift, nullptr, c)));
    const int32_t label = labels[i];
    loss[i] = label >= 0 && label < c ? log_sum - (x[label] - shift) : log_sum + shift;
  }
}

// dx = (softmax(x) - one_hot(label)) * ct
inline void cross_entropy_grad_rows(const float* x, const int32_t* labels, const float* ct, float* dx, int64_t rows,
                                    int64_t c) {
  if (c <= longest_short_row) return cross_entropy_grad_short_rows(x, labels, ct, dx, rows, c);
  for (int64_t i = 0; i < rows; ++i, x += c, dx += c) {
    const double sum = exp_row<true>(x, row_max(x, c), dx, c);
    const float scale = static_cast<float>(1.0 / sum);
    const float weight = ct[i];
    const int32_t label = labels[i];
    const float at_label = label >= 0 && label < c ? (dx[label] * scale - 1.0f) * weight : 0.0f;
    for (int64_t j = 0; j < c; j += lanes) {
      const int64_t n = c - j < lanes ? c - j : lanes;
      store_upto<float>(dx + j, load_upto(dx + j, n) * scale * weight, n);
    }
    if (label >= 0 && label < c) dx[label] = at_label;
  }
}

// Sum of f(j, vector of n elements) over a row; f must give 0 beyond n. Blocks of 16 vectors in float, then double.
template <class Term> inline double sum_row(int64_t c, Term term) {
  double total = 0;
  for (int64_t block = 0; block < c; block += 16 * lanes) {
    const int64_t end = c - block < 16 * lanes ? c : block + 16 * lanes;
    F sum = {};
    for (int64_t j = block; j < end; j += lanes) sum += term(j, end - j < lanes ? end - j : lanes);
    total += sum_lanes(sum);
  }
  return total;
}

// x with the row's mean taken away; 0 beyond n.
inline F centred(const float* x, int64_t n, float mean) {
  return n == lanes ? load(x) - mean : load_part(x, n, mean) - mean;
}

struct RowMoments {
  float mean, rstd;
};
inline RowMoments row_moments(const float* x, int64_t c, float epsilon) {
  const double count = static_cast<double>(c);
  const float mean = static_cast<float>(sum_row(c, [&](int64_t j, int64_t n) { return load_upto(x + j, n); }) / count);
  const double square = sum_row(c, [&](int64_t j, int64_t n) {
    const F d = centred(x + j, n, mean);
    return d * d;
  });
  return {mean, static_cast<float>(1.0 / __builtin_sqrt(square / count + static_cast<double>(epsilon)))};
}

inline void layer_norm_rows(const float* x, const float* scale, const float* bias, float epsilon, float* y,
                            int64_t rows, int64_t c) {
  for (int64_t i = 0; i < rows; ++i, x += c, y += c) {
    const RowMoments m = row_moments(x, c, epsilon);
    for (int64_t j = 0; j < c; j += lanes) {
      const int64_t n = c - j < lanes ? c - j : lanes;
      F v = centred(x + j, n, m.mean) * m.rstd;
      if (scale) v *= load_upto(scale + j, n);
      if (bias) v += load_upto(bias + j, n);
      store_upto<float>(y + j, v, n);
    }
  }
}

// With h = (x - mean) rstd and g = ct * scale:  dx = rstd (g - mean(g) - h mean(g h)); dscale += ct h; dbias += ct.
inline void layer_norm_grad_rows(const float* x, const float* scale, const float* ct, float epsilon, float* dx,
                                 double* dscale, double* dbias, int64_t rows, int64_t c) {
  for (int64_t i = 0; i < rows; ++i, x += c, ct += c, dx += c) {
    const RowMoments m = row_moments(x, c, epsilon);
    const auto weighted = [&](int64_t j, int64_t n) {
      const F g = load_upto(ct + j, n);
      return scale ? g * load_upto(scale + j, n) : g;
    };
    const double count = static_cast<double>(c);
    const float mean_g = static_cast<float>(sum_row(c, weighted) / count);
    const float mean_gh = static_cast<float>(
        sum_row(c, [&](int64_t j, int64_t n) { return weighted(j, n) * centred(x + j, n, m.mean) * m.rstd; }) / count);
    for (int64_t j = 0; j < c; j += lanes) {
      const int64_t n = c - j < lanes ? c - j : lanes;
      const F h = centred(x + j, n, m.mean) * m.rstd;
      const F g = load_upto(ct + j, n);
      const F d = (weighted(j, n) - mean_g - h * mean_gh) * m.rstd;
      const F gh = g * h;
      for (int64_t q = 0; q < n; ++q) {
        if (dscale) dscale[j + q] += static_cast<double>(gh[q]);
        if (dbias) dbias[j + q] += static_cast<double>(g[q]);
      }
      store_upto<float>(dx + j, d, n);
    }
  }
}

}  // namespace
}  // namespace nnx::kernels
