// Row kernels: softmax, log_softmax, cross-entropy and layer_norm over contiguous rows, each row read from L1.
#pragma once

#include "kernels/vector/math.h"
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

inline void softmax_rows(const float* x, float* y, int64_t rows, int64_t c) {
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
