// A vector of `lanes` elements of any type, on GCC's vector extensions; the few operations they lack are intrinsics
// with a portable form. Everything here has internal linkage: see table.h.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nnx::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

template <class T, int count = lanes> struct VecOf { typedef T type __attribute__((vector_size(count * sizeof(T)))); };
template <class T> using Vec = typename VecOf<T>::type;
using F = Vec<float>;
using I = Vec<int32_t>;
using U = Vec<uint32_t>;
using B = Vec<uint8_t>;                                // bool in memory: bytes of 0 or 1
using HalfF = typename VecOf<float, lanes / 2>::type;  // half the lanes, for work in double
using D = typename VecOf<double, lanes / 2>::type;
using L = typename VecOf<int64_t, lanes / 2>::type;

template <class T> inline Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T> inline void store(T* p, Vec<T> v) { __builtin_memcpy(p, &v, sizeof v); }
template <class T> inline Vec<T> splat(T x) { return x - Vec<T>{}; }

// The first n < lanes elements, the others `rest`; and their store.
template <class T> inline Vec<T> load_part(const T* p, int64_t n, T rest = 0) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const auto mask = static_cast<__mmask16>((1u << n) - 1);
    return (Vec<T>)_mm512_mask_loadu_epi32((__m512i)splat<T>(rest), mask, p);
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const I mask = I{0, 1, 2, 3, 4, 5, 6, 7} < static_cast<int32_t>(n);
    return mask ? (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), (__m256i)mask) : splat<T>(rest);
  }
#endif
  Vec<T> v = splat<T>(rest);
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
template <class T> inline void store_part(T* p, Vec<T> v, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << n) - 1), (__m512i)v);
#endif
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}

// a * b + c, in one rounding where the processor has it.
inline F fma(F a, F b, F c) {
#if defined(__AVX512F__)
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

inline F sqrt(F x) {
#if defined(__AVX512F__)
  return (F)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);  // the unmasked form warns in g++ 12
#elif defined(__AVX2__)
  return (F)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (F)_mm_sqrt_ps((__m128)x);
#else
  for (int i = 0; i < lanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

inline I bits_of(F x) { return (I)x; }
inline F float_of(I x) { return (F)x; }
inline F select(I mask, F a, F b) { return mask ? a : b; }
inline F abs(F x) { return float_of(bits_of(x) & 0x7fffffff); }
inline F with_sign_of(F x, F sign) { return float_of((bits_of(x) & 0x7fffffff) | (bits_of(sign) & INT32_MIN)); }
inline F to_float(I x) { return __builtin_convertvector(x, F); }
// Bytes as integers; written out because g++ 12 would take them one by one.
inline I from_bytes(B b) {
#if defined(__AVX512F__)
  return (I)_mm512_maskz_cvtepu8_epi32(0xffff, (__m128i)b);
#elif defined(__AVX2__)
  int64_t bits;
  __builtin_memcpy(&bits, &b, sizeof bits);
  return (I)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bits));
#else
  return __builtin_convertvector(b, I);
#endif
}
inline I to_int(F x) { return __builtin_convertvector(x, I); }  // truncates; x must fit
// a > b ? a : b and a < b ? a : b, hence b if either is NaN.
inline F greater_of(F a, F b) {
#if defined(__AVX512F__)
  return (F)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (F)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}
inline F lesser_of(F a, F b) {
#if defined(__AVX512F__)
  return (F)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (F)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return a < b ? a : b;
#endif
}
// NaN if either is.
inline F maximum(F a, F b) { return select(a == a, greater_of(a, b), a); }
inline F minimum(F a, F b) { return select(a == a, lesser_of(a, b), a); }

// To nearest, ties to even; exact for every float, keeps the sign of zero.
inline F round(F x) {
  const F magic = splat(8388608.0f);  // 2^23: floats above it are integers
  const F a = abs(x);
  const F rounded = (a + magic) - magic;
  return with_sign_of(select(a < magic, rounded, a), x);
}

inline D widen_half(HalfF x) { return __builtin_convertvector(x, D); }
inline void widen(F x, D& low, D& high) {
  HalfF half[2];
  __builtin_memcpy(half, &x, sizeof x);
  low = widen_half(half[0]);
  high = widen_half(half[1]);
}
inline F narrow(D low, D high) {
  const HalfF half[2] = {__builtin_convertvector(low, HalfF), __builtin_convertvector(high, HalfF)};
  F x;
  __builtin_memcpy(&x, half, sizeof x);
  return x;
}

template <class T> inline Vec<T> load_upto(const T* p, int64_t n) {  // n <= lanes
  return n == lanes ? load(p) : load_part(p, n);
}
template <class T> inline void store_upto(T* p, Vec<T> v, int64_t n) {
  if (n == lanes) {
    store<T>(p, v);
  } else {
    store_part<T>(p, v, n);
  }
}

// All lanes combined by op, halving: an order that does not depend on the data.
template <int count = lanes, class V, class Op> inline auto fold(V v, Op op) {
  if constexpr (count == 1) {
    return v[0];
  } else {
    using Half = typename VecOf<__typeof__(v[0] + 0), count / 2>::type;
    Half half[2];
    __builtin_memcpy(half, &v, sizeof v);
    if constexpr (count == 2) return op(half[0], half[1])[0];
    else return fold<count / 2>(op(half[0], half[1]), op);
  }
}
inline double sum_lanes(D x) {
  return fold<lanes / 2>(x, [](auto a, auto b) { return a + b; });
}
inline double sum_lanes(F x) {
  D low, high;
  widen(x, low, high);
  return sum_lanes(low + high);
}

}  // namespace
}  // namespace nnx::kernels
