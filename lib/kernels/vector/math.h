// Functions of float vectors over the whole range, denormals, infinities and NaN included, to 2 units in the last place
// (pow to 4); tests/kernels/math_test.cpp measures it.
//
// exp, log, tanh, erf: range reduction as usual (exp: x = n ln2 + r; log: x = m 2^e), polynomials interpolated at
// Chebyshev nodes. erf_inv: Giles, "Approximating the erfinv function" (2010), the polynomial XLA uses. sin, cos and
// pow work in double, where plain series are exact enough.
#pragma once

#include "kernels/vector/simd.h"

namespace nnx::kernels {
namespace {

template <int n> inline F polynomial(F x, const float (&c)[n]) {  // c[0] + c[1] x + ...
  F y = splat(c[n - 1]);
  for (int i = n - 2; i >= 0; --i) y = fma(y, x, splat(c[i]));
  return y;
}
template <int n> inline D polynomial(D x, const double (&c)[n]) {
  D y = c[n - 1] - D{};
  for (int i = n - 2; i >= 0; --i) y = y * x + c[i];
  return y;
}

constexpr float ln2_high = 0.693359375f;  // few bits: n * ln2_high is exact
constexpr float ln2_low = -2.12194440e-4f;

inline F power_of_two(I n) { return (F)(((U)n + 127u) << 23); }  // -126 <= n <= 127

// x = n ln2 + r, |r| <= ln2 / 2, and p = expm1(r). |x| < 200, or NaN, which p keeps.
struct Reduced {
  I n;
  F p;
};
inline Reduced reduce_exp(F x) {
  const F magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer, held in the low bits
  const F shifted = x * 1.44269504f + magic;
  const F n = shifted - magic;
  const F r = fma(n, splat(-ln2_low), fma(n, splat(-ln2_high), x));
  const F q = polynomial(r, {0.5f, 0.16666667f, 0.041666467f, 0.0083333105f, 0.0013933647f, 0.00019890988f});
  return {(I)((U)shifted - (U)magic), fma(r * r, q, r)};
}
inline F clamp(F x, float low, float high) { return greater_of(splat(low), lesser_of(splat(high), x)); }  // keeps NaN

// y 2^n for a result that may be denormal or infinite.
inline F scale(F y, I n) {
#if defined(__AVX512F__)
  return (F)_mm512_maskz_scalef_ps(0xffff, (__m512)y, (__m512)to_float(n));
#else
  const I half = n >> 1;  // in two steps: 2^n itself may be out of range
  return y * power_of_two(half) * power_of_two(n - half);
#endif
}

inline F exp(F x) {
  const Reduced e = reduce_exp(clamp(x, -120.0f, 120.0f));
  return scale(e.p + 1.0f, e.n);
}

inline F expm1(F x) {
  const Reduced e = reduce_exp(clamp(x, -60.0f, 120.0f));
  const F power = power_of_two(e.n > 64 ? I{} : e.n);
  const F y = fma(power, e.p, power - 1.0f);                     // 2^n p + (2^n - 1)
  const F result = select(e.n > 64, scale(e.p + 1.0f, e.n), y);  // there the 1 is lost anyway
  return select((x != x) | (abs(x) < 1e-8f), x, result);         // keeps -0, denormals and NaN
}

// log of a positive normal float m 2^e split as e and f = m - 1, m in [sqrt(1/2), sqrt(2)).
inline F log_normal(F x, F extra_exponent) {
  const U bits = (U)x - 0x3f3504f3u;  // sqrt(1/2); unsigned, for what is no number may wrap
  const F e = to_float((I)bits >> 23) + extra_exponent;
  const F f = (F)((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const F p = polynomial(f, {0.33333331f, -0.24999997f, 0.20000716f, -0.16667803f, 0.14249058f, -0.12425687f,
                             0.1168542f, -0.11479734f, 0.06971611f});
  const F f2 = f * f;
  const F tail = fma(e, splat(ln2_low), fma(f2 * f, p, f2 * -0.5f));
  return fma(e, splat(ln2_high), f + tail);
}

inline F log(F x) {
  const F infinity = splat(__builtin_inff());
  const I tiny = x < 1.17549435e-38f;
  const F y = log_normal(select(tiny, x * 8388608.0f, x), select(tiny, splat(-23.0f), splat(0.0f)));
  const F edge =
      select(x == 0.0f, -infinity, select(x < 0.0f, splat(__builtin_nanf("")), x));  // +inf and NaN as they are
  return select((x > 0.0f) & (x < infinity), y, edge);
}

// log(u) + (x - (u - 1)) / u with u = 1 + x rounded: the second term undoes the rounding (Kahan).
inline F log1p(F x) {
  const F u = x + 1.0f;
  const F lost = select(u > 2.0f, 1.0f - (u - x), x - (u - 1.0f));
  const F y = log(u) + lost / u;
  const I keep = (abs(x) < 1e-8f) | (x != x) | (x == __builtin_inff());
  return select(keep, x, select(x > -1.0f, y, log(u)));
}

inline F tanh(F x) {
  const F a = abs(x);
  const F z = x * x;
  const F small =
      fma(z * x, polynomial(z, {-0.33333334f, 0.133333f, -0.05395846f, 0.021762503f, -0.008323187f, 0.0022695018f}), x);
  const F e = exp(2.0f * minimum(a, splat(20.0f)));
  const F large = with_sign_of(1.0f - 2.0f / (e + 1.0f), x);
  return select(a < 0.6f, small, select(x == x, large, x));
}

inline F logistic(F x) {
  const F e = exp(-abs(x));
  return select(x < 0.0f, e, splat(1.0f)) / (e + 1.0f);
}

inline F erf(F x) {
  const F a = abs(x);
  const F z = x * x;
  const F small = fma(x,
                      polynomial(z, {0.12837917f, -0.37612638f, 0.112837866f, -0.026865717f, 0.005221974f,
                                     -0.00084998913f, 0.00011396738f, -1.009003e-05f}),
                      x);
  // log(erfc(a)) is smooth; erf = 1 - exp of it
  const F t = minimum(a, splat(4.0f));
  const F log_erfc = polynomial(t, {0.00030639002f, -1.1301764f, -0.63192677f, -0.10998138f, 0.02636249f,
                                    -0.00473796064f, 0.00059196347f, -4.54564e-05f, 1.605334e-06f});
  const F large = with_sign_of(1.0f - exp(log_erfc), x);
  return select(a < 0.9f, small, select(x == x, large, x));
}

inline F erf_inv(F x) {
  const F w = -log1p(-(x * x));
  const F near = w - 2.5f;
  const F far = sqrt(w) - 3.0f;
  const F p_near = polynomial(near, {1.50140941f, 0.246640727f, -0.00417768164f, -0.00125372503f, 0.00021858087f,
                                     -4.39150654e-06f, -3.5233877e-06f, 3.43273939e-07f, 2.81022636e-08f});
  const F p_far = polynomial(far, {2.83297682f, 1.00167406f, 0.00943887047f, -0.0076224613f, 0.00573950773f,
                                   -0.00367342844f, 0.00134934322f, 0.000100950558f, -0.000200214257f});
  const F y = select(w < 5.0f, p_near, p_far) * x;
  return select(abs(x) == 1.0f, x * __builtin_inff(), y);
}

// x - n pi/2 by a pi/2 in two parts, the first short enough that n times it is exact for |x| < 10^6.
template <bool cosine> inline D sin_or_cos(D x) {
  const D magic = 6755399441055744.0 - D{};  // 1.5 * 2^52: adding it rounds to an integer, held in the low bits
  const D shifted = x * 0.63661977236758134308 + magic;
  const D n = shifted - magic;
  const L quadrant = (L)shifted + (cosine ? 1 : 0);
  const D r = (x - n * 1.5707963267341256) - n * 6.0771005065061922e-11;
  const D z = r * r;
  const D s =
      r + r * z * polynomial(z, {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800.0});
  const D c = 1.0 - z * (0.5 - z * polynomial(z, {1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600}));
  const D y = (quadrant & 1) != 0 ? c : s;
  return (quadrant & 2) != 0 ? -y : y;
}
template <bool cosine> inline F sin_or_cos(F x) {
  D low, high;
  const I large = abs(x) > 1e6f;
  widen(select(large | (x != x), splat(0.0f), x), low, high);
  F y = narrow(sin_or_cos<cosine>(low), sin_or_cos<cosine>(high));
  for (int i = 0; i < lanes; ++i) {
    if (large[i]) [[unlikely]]
      y[i] = cosine ? __builtin_cosf(x[i]) : __builtin_sinf(x[i]);
  }
  y = select(x == x, y, x);
  return cosine ? y : select(abs(x) < 1e-5f, x, y);
}
inline F sin(F x) { return sin_or_cos<false>(x); }
inline F cos(F x) { return sin_or_cos<true>(x); }

// x^y for x > 0 and finite: exp(y log x), all in double.
inline D pow_positive(D x, D y) {
  const L bits = (L)x - 0x3fe6a09e667f3bcd;  // sqrt(1/2)
  const D e = __builtin_convertvector(bits >> 52, D);
  const D m = (D)((bits & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
  const D s = (m - 1.0) / (m + 1.0);
  const D log_m =
      2.0 * s * polynomial(s * s, {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17});
  D t = y * (e + log_m * 1.4426950408889634074);  // log2 of the result
  t = t > 400.0 ? 400.0 - D{} : t;                // beyond every float
  t = t < -400.0 ? -400.0 - D{} : t;
  const D magic = 6755399441055744.0 - D{};
  const D shifted = t + magic;
  const D r = (t - (shifted - magic)) * 0.69314718055994530942;
  const D p = polynomial(
      r, {1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880});
  return p * (D)(((L)shifted + 1023) << 52);
}

inline F pow(F x, F y) {
  const F a = abs(x);
  const I ordinary = (a > 0.0f) & (a < __builtin_inff()) & (abs(y) < __builtin_inff());
  D x_low, x_high, y_low, y_high;
  widen(select(ordinary, a, splat(1.0f)), x_low, x_high);
  widen(select(ordinary, y, splat(1.0f)), y_low, y_high);
  F result = narrow(pow_positive(x_low, y_low), pow_positive(x_high, y_high));
  const I whole = round(y) == y;
  const F half = y * 0.5f;
  const I odd = whole & (round(half) != half);
  result = select(x < 0.0f, select(whole, select(odd, -result, result), splat(__builtin_nanf(""))), result);
  const I exact = (y == 0.0f) | (x == 1.0f);
  for (int i = 0; i < lanes; ++i) {  // zeros, infinities and NaN: C's rules
    if (!ordinary[i] && !exact[i]) [[unlikely]]
      result[i] = __builtin_powf(x[i], y[i]);
  }
  return select(exact, splat(1.0f), result);
}

}  // namespace
}  // namespace nnx::kernels
