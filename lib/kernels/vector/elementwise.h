// The table of loops: every elementwise op of ops/attrs.h for f32, i32, u32 and bool, the sources fill, iota and
// random_bits, and the reductions of a run to one value (tile_*).
#pragma once

#include "kernels/vector/columns.h"
#include "kernels/vector/math.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {
namespace {

template <class R, class A, class Op> inline void map1(const VectorCall& c, Op op) {
  R* out = static_cast<R*>(c.out);
  const A* a = static_cast<const A*>(c.in[0]);
  const int64_t a_step = c.step[0] * lanes;
  int64_t n = c.n;
  for (; n >= 2 * lanes; n -= 2 * lanes, out += 2 * lanes, a += 2 * a_step) {
    const auto first = op(load<A>(a)), second = op(load<A>(a + a_step));
    store<R>(out, first);
    store<R>(out + lanes, second);
  }
  for (; n >= lanes; n -= lanes, out += lanes, a += a_step) store<R>(out, op(load<A>(a)));
  if (n > 0) store_part<R>(out, op(load_part<A>(a, n)), n);
}

template <class R, class A, class C, class Op> inline void map2(const VectorCall& c, Op op) {
  R* out = static_cast<R*>(c.out);
  const A* a = static_cast<const A*>(c.in[0]);
  const C* b = static_cast<const C*>(c.in[1]);
  const int64_t a_step = c.step[0] * lanes, b_step = c.step[1] * lanes;
  int64_t n = c.n;
  for (; n >= 4 * lanes; n -= 4 * lanes, out += 4 * lanes, a += 4 * a_step, b += 4 * b_step) {
    Vec<R> r[4];
    for (int q = 0; q < 4; ++q) r[q] = op(load<A>(a + q * a_step), load<C>(b + q * b_step));
    for (int q = 0; q < 4; ++q) store<R>(out + q * lanes, r[q]);
  }
  for (; n >= lanes; n -= lanes, out += lanes, a += a_step, b += b_step) store<R>(out, op(load<A>(a), load<C>(b)));
  if (n > 0) store_part<R>(out, op(load_part<A>(a, n), load_part<C>(b, n)), n);
}

template <class R, class A, class C, class E, class Op> inline void map3(const VectorCall& c, Op op) {
  R* out = static_cast<R*>(c.out);
  const A* a = static_cast<const A*>(c.in[0]);
  const C* b = static_cast<const C*>(c.in[1]);
  const E* d = static_cast<const E*>(c.in[2]);
  const int64_t a_step = c.step[0] * lanes, b_step = c.step[1] * lanes, d_step = c.step[2] * lanes;
  int64_t n = c.n;
  for (; n >= lanes; n -= lanes, out += lanes, a += a_step, b += b_step, d += d_step) {
    store<R>(out, op(load<A>(a), load<C>(b), load<E>(d)));
  }
  if (n > 0) store_part<R>(out, op(load_part<A>(a, n), load_part<C>(b, n), load_part<E>(d, n)), n);
}

template <class R, class A, class C, class E, class Op> inline void map4(const VectorCall& c, Op op) {  // (A, A, C, E)
  R* out = static_cast<R*>(c.out);
  const A* a = static_cast<const A*>(c.in[0]);
  const A* b = static_cast<const A*>(c.in[1]);
  const C* d = static_cast<const C*>(c.in[2]);
  const E* e = static_cast<const E*>(c.in[3]);
  const int64_t a_step = c.step[0] * lanes, b_step = c.step[1] * lanes, d_step = c.step[2] * lanes,
                e_step = c.step[3] * lanes;
  int64_t n = c.n;
  for (; n >= lanes; n -= lanes, out += lanes, a += a_step, b += b_step, d += d_step, e += e_step) {
    store<R>(out, op(load<A>(a), load<A>(b), load<C>(d), load<E>(e)));
  }
  if (n > 0) store_part<R>(out, op(load_part<A>(a, n), load_part<A>(b, n), load_part<C>(d, n), load_part<E>(e, n)), n);
}

// ---- entries: an op for one type, T -> T unless said otherwise
using VF = const VectorCall&;
template <class Op> constexpr VectorEntry f1(const char* name, Op) {
  return {name, DType::f32, DType::f32, [](VF c) { map1<float, float>(c, Op{}); }};
}
template <class Op> constexpr VectorEntry f2(const char* name, Op) {
  return {name, DType::f32, DType::f32, [](VF c) { map2<float, float, float>(c, Op{}); }};
}
template <class Op> constexpr VectorEntry f3(const char* name, Op) {
  return {name, DType::f32, DType::f32, [](VF c) { map3<float, float, float, float>(c, Op{}); }};
}
template <class T, class Op> constexpr VectorEntry unary(const char* name, Op) {
  return {name, dtype_of<T>, dtype_of<T>, [](VF c) { map1<T, T>(c, Op{}); }};
}
template <class T, class Op> constexpr VectorEntry binary(const char* name, Op) {
  return {name, dtype_of<T>, dtype_of<T>, [](VF c) { map2<T, T, T>(c, Op{}); }};
}
template <class Op> constexpr VectorEntry bool2(const char* name, Op) {
  return {name, DType::boolean, DType::boolean, [](VF c) { map2<uint8_t, uint8_t, uint8_t>(c, Op{}); }};
}

// A comparison's lanes are -1 or 0; a bool is a byte of 1 or 0.
template <class Mask> inline B to_bool(Mask mask) { return (B)(__builtin_convertvector(mask, Vec<int8_t>) & 1); }
inline I to_mask(B b) { return from_bytes(b) != 0; }

template <class T, class Op> constexpr VectorEntry compare(const char* name, Op) {
  return {name, dtype_of<T>, DType::boolean,
          [](VF c) { map2<uint8_t, T, T>(c, [](auto a, auto b) { return to_bool(Op{}(a, b)); }); }};
}
template <class T> constexpr VectorEntry choose(const char* name) {
  return {name, dtype_of<T>, dtype_of<T>,
          [](VF c) { map3<T, uint8_t, T, T>(c, [](B m, Vec<T> a, Vec<T> b) { return to_mask(m) ? a : b; }); }};
}
template <class A, class R, class Op> constexpr VectorEntry convert(const char* name, DType from, DType to, Op) {
  return {name, from, to, [](VF c) { map1<R, A>(c, Op{}); }};
}

// The upper half of a float, to the nearest, ties to even; a NaN stays one.
using H = Vec<uint16_t>;
inline H to_bf16(F x) {
  const U word = (U)x;
  const U rounded = word + 0x7fffu + ((word >> 16) & 1u);
  return __builtin_convertvector((x == x ? rounded : word | 0x400000u) >> 16, H);
}
inline F from_bf16(H x) { return (F)(__builtin_convertvector(x, U) << 16); }

// Truncation, saturating; NaN is 0 (as XLA converts).
inline I float_to_int(F x) {
  const I inside = abs(x) < 2147483648.0f;
  const I outside = x > 0.0f ? splat(INT32_MAX) : splat(INT32_MIN);
  return inside ? to_int(select(inside, x, splat(0.0f))) : (x == x ? outside : I{});
}
inline U float_to_uint(F x) {
  const I high = x >= 2147483648.0f;
  const F rest = select(high, x - 2147483648.0f, select(x > 0.0f, x, splat(0.0f)));
  const U value = (U)to_int(select(rest < 2147483648.0f, rest, splat(0.0f))) + (U)(high & INT32_MIN);
  return x >= 4294967296.0f ? ~U{} : value;
}

// C's remainders; x % 0 is x.
template <class T> inline T remainder(T a, T b) {
  if (b == 0) return a;
  if constexpr (dtype_of<T> == DType::i32) {
    if (b == -1) return 0;  // INT_MIN % -1 traps
  }
  return a % b;
}
template <class V> inline V remainders(V a, V b) {
  for (int i = 0; i < lanes; ++i) a[i] = remainder(a[i], b[i]);
  return a;
}
inline F remainders(F a, F b) {
  for (int i = 0; i < lanes; ++i) a[i] = __builtin_fmodf(a[i], b[i]);
  return a;
}

// Shifts by 32 or more give 0.
inline U shift_left(U a, U b) { return b < 32u ? a << (b & 31u) : U{}; }
inline U shift_right(U a, U b) { return b < 32u ? a >> (b & 31u) : U{}; }

inline void fill_f32(VF c) {
  const float v = static_cast<float>(c.value);
  for (int64_t i = 0; i < c.n; ++i) static_cast<float*>(c.out)[i] = v;
}
inline void fill_i32(VF c) {
  const int32_t v = static_cast<int32_t>(c.value);
  for (int64_t i = 0; i < c.n; ++i) static_cast<int32_t*>(c.out)[i] = v;
}
inline void fill_u32(VF c) {
  const uint32_t v = static_cast<uint32_t>(static_cast<int64_t>(c.value));
  for (int64_t i = 0; i < c.n; ++i) static_cast<uint32_t*>(c.out)[i] = v;
}
inline void fill_bool(VF c) { __builtin_memset(c.out, c.value != 0, static_cast<size_t>(c.n)); }

// Rows of n elements, one after the other; step[0] may be anything.
template <class T> inline void copy_rows(VF c) {
  const T* from = static_cast<const T*>(c.in[0]);
  T* to = static_cast<T*>(c.out);
  const int64_t step = c.step[0];
  for (int64_t r = 0; r < c.rows; ++r, from += c.row_step, to += c.n) {
    if (step != 0 && step != 1) {
      for (int64_t i = 0; i < c.n; ++i) to[i] = from[i * step];
      continue;
    }
    const Vec<T> all = splat<T>(*from);
    for (int64_t i = 0; i < c.n; i += lanes) {
      const int64_t left = c.n - i < lanes ? c.n - i : lanes;
      store_upto<T>(to + i, step == 0 ? all : load_upto(from + i, left), left);
    }
  }
}

template <class T> inline void iota(VF c) {
  for (int64_t i = 0; i < c.n; ++i) {
    static_cast<T*>(c.out)[i] = static_cast<T>(static_cast<int64_t>(c.index + static_cast<uint64_t>(i) * c.index_step));
  }
}

// ---- reductions of a run to one value
inline double sum_run(const float* p, int64_t n) {
  F s[4] = {};
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (int q = 0; q < 4; ++q) s[q] += load(p + i + q * lanes);
  }
  for (; i + lanes <= n; i += lanes) s[0] += load(p + i);
  double sum = i == 0 ? 0 : sum_lanes((s[0] + s[1]) + (s[2] + s[3]));
  for (; i < n; ++i) sum += static_cast<double>(p[i]);
  return sum;
}
inline void tile_sum_f32(VF c) {  // -> double
  *static_cast<double*>(c.out) = sum_run(static_cast<const float*>(c.in[0]), c.n);
}
// The sums of the `rows` rows of n floats, in double until they are stored.
inline void row_sums(VF c) {
  const float* p = static_cast<const float*>(c.in[0]);
  for (int64_t r = 0; r < c.rows; ++r) static_cast<float*>(c.out)[r] = static_cast<float>(sum_run(p + r * c.n, c.n));
}
template <class T, class Op> inline void tile_reduce(VF c, Op op) {  // -> T; n > 0
  const T* p = static_cast<const T*>(c.in[0]);
  T r = p[0];
  int64_t i = 1;
  if (c.n >= lanes) {
    Vec<T> v = load(p);
    for (i = lanes; i + lanes <= c.n; i += lanes) v = op(v, load(p + i));
    Vec<T> folded = v;
    for (int q = 1; q < lanes; ++q) folded = op(folded, splat<T>(v[q]));
    r = folded[0];
  }
  for (; i < c.n; ++i) r = op(splat<T>(r), splat<T>(p[i]))[0];
  *static_cast<T*>(c.out) = r;
}
// Whether all are finite: the largest magnitude, as bits, is below that of infinity.
inline void tile_finite(VF c) {  // f32 -> bool
  const uint32_t* p = static_cast<const uint32_t*>(c.in[0]);
  const auto larger = [](U a, U b) { return a > b ? a : b; };
  U largest[4] = {};
  int64_t i = 0;
  for (; i + 4 * lanes <= c.n; i += 4 * lanes) {
    for (int q = 0; q < 4; ++q) largest[q] = larger(largest[q], load(p + i + q * lanes) & 0x7fffffffu);
  }
  for (; i < c.n; i += lanes) {
    const int64_t left = c.n - i < lanes ? c.n - i : lanes;
    largest[0] = larger(largest[0], load_upto(p + i, left) & 0x7fffffffu);
  }
  const U all = larger(larger(largest[0], largest[1]), larger(largest[2], largest[3]));
  *static_cast<uint8_t*>(c.out) = fold(all, [](auto a, auto b) { return a > b ? a : b; }) < 0x7f800000u;
}
template <class T, class Stored, class Op> constexpr VectorEntry tile(const char* name, Op) {
  return {name, dtype_of<T>, dtype_of<T>, [](VF c) { tile_reduce<Stored>(c, Op{}); }};
}
// ---- random bits: threefry2x32, 20 rounds, of the 64-bit element index (base/threefry.h has the scalar form)
constexpr int threefry_vectors = 4;  // in flight together: the rounds of one depend on each other
inline void threefry_rounds(U (&x0)[threefry_vectors], U (&x1)[threefry_vectors], uint32_t key0, uint32_t key1) {
  const uint32_t words[3] = {key0, key1, key0 ^ key1 ^ 0x1BD11BDAu};
  const int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  for (int v = 0; v < threefry_vectors; ++v) x0[v] += words[0], x1[v] += words[1];
#pragma GCC unroll 5
  for (unsigned group = 0; group < 5; ++group) {
#pragma GCC unroll 4
    for (int round = 0; round < 4; ++round) {
      const int r = rotations[group % 2][round];
#pragma GCC unroll 4
      for (int v = 0; v < threefry_vectors; ++v) {
        x0[v] += x1[v];
        x1[v] = (x1[v] << r | x1[v] >> (32 - r)) ^ x0[v];
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < threefry_vectors; ++v) {
      x0[v] += words[(group + 1) % 3];
      x1[v] += words[(group + 2) % 3] + group + 1;
    }
  }
}
// `op` makes an element of a word.
template <class T, class Op> inline void random_words(VF c, Op op) {
  const uint32_t* key = static_cast<const uint32_t*>(c.in[0]);
  T* out = static_cast<T*>(c.out);
  // Within 2^32 positions the high word does not change (positions behind the last count too: they are computed).
  const uint64_t last = c.index + static_cast<uint64_t>(c.n + threefry_vectors * lanes) * c.index_step;
  const bool carries = c.index >> 32 != last >> 32;
  U steps = {};
  for (int lane = 0; lane < lanes; ++lane) steps[lane] = static_cast<uint32_t>(lane) * static_cast<uint32_t>(c.index_step);
  for (int64_t i = 0; i < c.n; i += threefry_vectors * lanes) {
    U x0[threefry_vectors], x1[threefry_vectors];
    for (int v = 0; v < threefry_vectors; ++v) {
      const uint64_t first = c.index + static_cast<uint64_t>(i + v * lanes) * c.index_step;
      if (!carries) {
        x0[v] = splat<uint32_t>(static_cast<uint32_t>(first >> 32));
        x1[v] = steps + static_cast<uint32_t>(first);
        continue;
      }
      for (int lane = 0; lane < lanes; ++lane) {
        const uint64_t index = first + static_cast<uint64_t>(lane) * c.index_step;
        x0[v][lane] = static_cast<uint32_t>(index >> 32);
        x1[v][lane] = static_cast<uint32_t>(index);
      }
    }
    threefry_rounds(x0, x1, key[0], key[1]);
    for (int v = 0; v < threefry_vectors; ++v) {
      const int64_t at = i + v * lanes;
      if (at + lanes <= c.n) {
        store<T>(out + at, op(x0[v] ^ x1[v]));
      } else if (at < c.n) {
        store_part<T>(out + at, op(x0[v] ^ x1[v]), c.n - at);
      }
    }
  }
}
inline void random_bits(VF c) {
  random_words<uint32_t>(c, [](U word) { return word; });
}
// A number in [0, 1): the upper bits as the mantissa of one in [1, 2), less 1.
inline void random_uniform(VF c) {
  random_words<float>(c, [](U word) { return (F)(word >> 9 | 0x3f800000u) - 1.0f; });
}
// One word of threefry2x32(k0, k1, x0, x1), arguments elementwise.
template <int word> inline void threefry_word(VF c) {
  const uint32_t* in[4];
  for (int k = 0; k < 4; ++k) in[k] = static_cast<const uint32_t*>(c.in[k]);
  uint32_t* out = static_cast<uint32_t*>(c.out);
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  for (int64_t i = 0; i < c.n; i += lanes) {
    const int64_t left = c.n - i < lanes ? c.n - i : lanes;
    U a[4];
    for (int k = 0; k < 4; ++k) a[k] = load_upto(in[k] + i * c.step[k], left);
    const U words[3] = {a[0], a[1], a[0] ^ a[1] ^ 0x1BD11BDAu};
    U x0 = a[2] + words[0], x1 = a[3] + words[1];
    for (unsigned group = 0; group < 5; ++group) {
      for (const int r : rotations[group % 2]) {
        x0 += x1;
        x1 = (x1 << r | x1 >> (32 - r)) ^ x0;
      }
      x0 += words[(group + 1) % 3];
      x1 += words[(group + 2) % 3] + group + 1;
    }
    store_upto<uint32_t>(out + i, word == 0 ? x0 : x1, left);
  }
}

constexpr auto add_op = [](auto a, auto b) { return a + b; };
constexpr auto sub_op = [](auto a, auto b) { return a - b; };
constexpr auto mul_op = [](auto a, auto b) { return a * b; };
constexpr auto max_op = [](auto a, auto b) { return a > b ? a : b; };
constexpr auto min_op = [](auto a, auto b) { return a < b ? a : b; };
constexpr auto and_op = [](auto a, auto b) { return a & b; };
constexpr auto or_op = [](auto a, auto b) { return a | b; };
constexpr auto xor_op = [](auto a, auto b) { return a ^ b; };
constexpr auto same_op = [](auto a) { return a; };
constexpr auto equal_op = [](auto a, auto b) { return a == b; };
constexpr auto not_equal_op = [](auto a, auto b) { return a != b; };
constexpr auto less_op = [](auto a, auto b) { return a < b; };
constexpr auto less_equal_op = [](auto a, auto b) { return a <= b; };
constexpr auto greater_op = [](auto a, auto b) { return a > b; };
constexpr auto greater_equal_op = [](auto a, auto b) { return a >= b; };
constexpr auto from_bool_op = [](B b) { return from_bytes(b); };
constexpr auto nonzero_op = [](auto a) { return to_bool(a != 0); };

constexpr auto div_op = [](auto a, auto b) { return a / b; };

// A comparison and the select it is for, in one loop: a > b ? c : d.
template <class Compare> constexpr VectorEntry compare_select(const char* name, Compare) {
  return {name, DType::f32, DType::f32, [](VF c) {
            map4<float, float, float, float>(c, [](F a, F b, F d, F e) { return Compare{}(a, b) ? d : e; });
          }};
}

// i32 arithmetic that wraps is u32 arithmetic.
constexpr VectorEntry as_i32(VectorEntry entry) {
  return {entry.op, DType::i32, entry.result == DType::u32 ? DType::i32 : entry.result, entry.fn};
}

constexpr VectorEntry vector_entries[] = {
    f2("add", add_op),
    f2("sub", sub_op),
    f2("mul", mul_op),
    f2("div", div_op),
    f2("rem", [](F a, F b) { return remainders(a, b); }),
    f2("pow", [](F a, F b) { return pow(a, b); }),
    f2("maximum", [](F a, F b) { return maximum(a, b); }),
    f2("minimum", [](F a, F b) { return minimum(a, b); }),
    f1("negative", [](F x) { return -x; }),
    f1("abs", [](F x) { return abs(x); }),
    f1("sign", [](F x) { return select(x > 0.0f, splat(1.0f), select(x < 0.0f, splat(-1.0f), x)); }),
    f1("exp", [](F x) { return exp(x); }),
    f1("expm1", [](F x) { return expm1(x); }),
    f1("log", [](F x) { return log(x); }),
    f1("log1p", [](F x) { return log1p(x); }),
    f1("sqrt", [](F x) { return sqrt(x); }),
    f1("rsqrt", [](F x) { return 1.0f / sqrt(x); }),
    f1("sin", [](F x) { return sin(x); }),
    f1("cos", [](F x) { return cos(x); }),
    f1("tanh", [](F x) { return tanh(x); }),
    f1("erf", [](F x) { return erf(x); }),
    f1("erf_inv", [](F x) { return erf_inv(x); }),
    f1("logistic", [](F x) { return logistic(x); }),
    f1("floor",
       [](F x) {
         const F r = round(x);
         return with_sign_of(select(r > x, r - 1.0f, r), x);
       }),
    f1("ceil",
       [](F x) {
         const F r = round(x);
         return with_sign_of(select(r < x, r + 1.0f, r), x);
       }),
    f1("round", [](F x) { return round(x); }),
    f1("relu", [](F x) { return maximum(x, F{}); }),
    f1("gelu_tanh", [](F x) { return 0.5f * x * (1.0f + tanh(0.7978845608f * (x + 0.044715f * x * x * x))); }),
    f1("gelu_erf", [](F x) { return 0.5f * x * (1.0f + erf(x * 0.7071067812f)); }),
    {"is_finite", DType::f32, DType::boolean,
     [](VF c) { map1<uint8_t, float>(c, [](F x) { return to_bool(abs(x) < __builtin_inff()); }); }},

    binary<uint32_t>("add", add_op),
    binary<uint32_t>("sub", sub_op),
    binary<uint32_t>("mul", mul_op),
    binary<uint32_t>("rem", [](U a, U b) { return remainders(a, b); }),
    binary<uint32_t>("maximum", max_op),
    binary<uint32_t>("minimum", min_op),
    unary<uint32_t>("negative", [](U x) { return -x; }),
    unary<uint32_t>("abs", same_op),
    unary<uint32_t>("sign", [](U x) { return x != 0u ? U{} + 1u : U{}; }),
    as_i32(binary<uint32_t>("add", add_op)),
    as_i32(binary<uint32_t>("sub", sub_op)),
    as_i32(binary<uint32_t>("mul", mul_op)),
    binary<int32_t>("rem", [](I a, I b) { return remainders(a, b); }),
    binary<int32_t>("maximum", max_op),
    binary<int32_t>("minimum", min_op),
    as_i32(unary<uint32_t>("negative", [](U x) { return -x; })),
    as_i32(unary<uint32_t>("abs", [](U x) { return (x >> 31) != 0u ? -x : x; })),
    unary<int32_t>("sign", [](I x) { return (x < 0) - (x > 0); }),

    compare<float>("equal", equal_op),
    compare<float>("not_equal", not_equal_op),
    compare<float>("less", less_op),
    compare<float>("less_equal", less_equal_op),
    compare<float>("greater", greater_op),
    compare<float>("greater_equal", greater_equal_op),
    compare<int32_t>("equal", equal_op),
    compare<int32_t>("not_equal", not_equal_op),
    compare<int32_t>("less", less_op),
    compare<int32_t>("less_equal", less_equal_op),
    compare<int32_t>("greater", greater_op),
    compare<int32_t>("greater_equal", greater_equal_op),
    compare<uint32_t>("equal", equal_op),
    compare<uint32_t>("not_equal", not_equal_op),
    compare<uint32_t>("less", less_op),
    compare<uint32_t>("less_equal", less_equal_op),
    compare<uint32_t>("greater", greater_op),
    compare<uint32_t>("greater_equal", greater_equal_op),
    bool2("equal", [](B a, B b) { return to_bool(a == b); }),
    bool2("not_equal", [](B a, B b) { return to_bool(a != b); }),
    bool2("less", [](B a, B b) { return to_bool(a < b); }),
    bool2("less_equal", [](B a, B b) { return to_bool(a <= b); }),
    bool2("greater", [](B a, B b) { return to_bool(a > b); }),
    bool2("greater_equal", [](B a, B b) { return to_bool(a >= b); }),

    binary<uint32_t>("bitwise_and", and_op),
    binary<uint32_t>("bitwise_or", or_op),
    binary<uint32_t>("bitwise_xor", xor_op),
    as_i32(binary<uint32_t>("bitwise_and", and_op)),
    as_i32(binary<uint32_t>("bitwise_or", or_op)),
    as_i32(binary<uint32_t>("bitwise_xor", xor_op)),
    bool2("bitwise_and", and_op),
    bool2("bitwise_or", or_op),
    bool2("bitwise_xor", xor_op),
    unary<uint32_t>("bitwise_not", [](U x) { return ~x; }),
    as_i32(unary<uint32_t>("bitwise_not", [](U x) { return ~x; })),
    {"bitwise_not", DType::boolean, DType::boolean,
     [](VF c) { map1<uint8_t, uint8_t>(c, [](B x) { return to_bool(x == 0); }); }},
    binary<uint32_t>("shift_left", [](U a, U b) { return shift_left(a, b); }),
    as_i32(binary<uint32_t>("shift_left", [](U a, U b) { return shift_left(a, b); })),
    binary<uint32_t>("shift_right_logical", [](U a, U b) { return shift_right(a, b); }),
    as_i32(binary<uint32_t>("shift_right_logical", [](U a, U b) { return shift_right(a, b); })),

    choose<float>("select"),
    choose<int32_t>("select"),
    choose<uint32_t>("select"),
    {"select", DType::boolean, DType::boolean,
     [](VF c) { map3<uint8_t, uint8_t, uint8_t, uint8_t>(c, [](B m, B a, B b) { return m != 0 ? a : b; }); }},
    unary<float>("stop_gradient", same_op),
    unary<uint32_t>("stop_gradient", same_op),
    as_i32(unary<uint32_t>("stop_gradient", same_op)),
    {"stop_gradient", DType::boolean, DType::boolean, [](VF c) { map1<uint8_t, uint8_t>(c, same_op); }},
    {"stop_gradient", DType::bf16, DType::bf16, [](VF c) { map1<uint16_t, uint16_t>(c, same_op); }},

    convert<float, float>("cast", DType::f32, DType::f32, same_op),
    convert<float, int32_t>("cast", DType::f32, DType::i32, [](F x) { return float_to_int(x); }),
    convert<float, uint32_t>("cast", DType::f32, DType::u32, [](F x) { return float_to_uint(x); }),
    convert<float, uint8_t>("cast", DType::f32, DType::boolean, nonzero_op),
    convert<float, uint16_t>("cast", DType::f32, DType::bf16, [](F x) { return to_bf16(x); }),
    convert<uint16_t, float>("cast", DType::bf16, DType::f32, [](H x) { return from_bf16(x); }),
    convert<int32_t, float>("cast", DType::i32, DType::f32, [](I x) { return to_float(x); }),
    convert<uint32_t, uint32_t>("cast", DType::i32, DType::i32, same_op),
    convert<uint32_t, uint32_t>("cast", DType::i32, DType::u32, same_op),
    convert<int32_t, uint8_t>("cast", DType::i32, DType::boolean, nonzero_op),
    convert<uint32_t, float>("cast", DType::u32, DType::f32, [](U x) { return __builtin_convertvector(x, F); }),
    convert<uint32_t, uint32_t>("cast", DType::u32, DType::i32, same_op),
    convert<uint32_t, uint32_t>("cast", DType::u32, DType::u32, same_op),
    convert<uint32_t, uint8_t>("cast", DType::u32, DType::boolean, nonzero_op),
    convert<uint8_t, float>("cast", DType::boolean, DType::f32, [](B x) { return to_float(from_bool_op(x)); }),
    convert<uint8_t, int32_t>("cast", DType::boolean, DType::i32, from_bool_op),
    convert<uint8_t, uint32_t>("cast", DType::boolean, DType::u32, [](B x) { return (U)from_bool_op(x); }),
    convert<uint8_t, uint8_t>("cast", DType::boolean, DType::boolean, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::f32, DType::f32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::f32, DType::i32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::f32, DType::u32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::i32, DType::f32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::i32, DType::i32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::i32, DType::u32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::u32, DType::f32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::u32, DType::i32, same_op),
    convert<uint32_t, uint32_t>("bitcast", DType::u32, DType::u32, same_op),

    {"fill", DType::f32, DType::f32, fill_f32},
    {"fill", DType::i32, DType::i32, fill_i32},
    {"fill", DType::u32, DType::u32, fill_u32},
    {"fill", DType::boolean, DType::boolean, fill_bool},
    {"iota", DType::f32, DType::f32, iota<float>},
    {"iota", DType::i32, DType::i32, iota<int32_t>},
    {"iota", DType::u32, DType::u32, iota<uint32_t>},
    {"random_bits", DType::u32, DType::u32, random_bits},
    {"random_bits>uniform", DType::u32, DType::f32, random_uniform},
    {"threefry2x32.0", DType::u32, DType::u32, threefry_word<0>},
    {"threefry2x32.1", DType::u32, DType::u32, threefry_word<1>},

    compare_select("equal>select", equal_op),
    compare_select("not_equal>select", not_equal_op),
    compare_select("less>select", less_op),
    compare_select("less_equal>select", less_equal_op),
    compare_select("greater>select", greater_op),
    compare_select("greater_equal>select", greater_equal_op),

    {"copy_rows", DType::f32, DType::f32, copy_rows<uint32_t>},  // of whatever has four bytes
    {"copy_rows", DType::boolean, DType::boolean, copy_rows<uint8_t>},
    {"copy_rows", DType::bf16, DType::bf16, copy_rows<uint16_t>},
    {"row_sums", DType::f32, DType::f32, row_sums},
    {"column_sums", DType::f32, DType::f32, column_sums},
    {"tile_sum", DType::f32, DType::f32, tile_sum_f32},
    {"flush_sum", DType::f32, DType::f32, flush_sum},
    tile<float, float>("tile_prod", mul_op),
    tile<float, float>("tile_max", [](F a, F b) { return maximum(a, b); }),
    tile<float, float>("tile_min", [](F a, F b) { return minimum(a, b); }),
    tile<int32_t, uint32_t>("tile_sum", add_op),
    tile<int32_t, uint32_t>("tile_prod", mul_op),
    tile<int32_t, int32_t>("tile_max", max_op),
    tile<int32_t, int32_t>("tile_min", min_op),
    tile<uint32_t, uint32_t>("tile_sum", add_op),
    tile<uint32_t, uint32_t>("tile_prod", mul_op),
    tile<uint32_t, uint32_t>("tile_max", max_op),
    tile<uint32_t, uint32_t>("tile_min", min_op),
    {"tile_finite", DType::f32, DType::boolean, tile_finite},
    tile<bool, uint8_t>("tile_and", and_op),
    tile<bool, uint8_t>("tile_or", or_op),
    tile<bool, uint8_t>("tile_max", max_op),
    tile<bool, uint8_t>("tile_min", min_op),
    {"maximum", DType::boolean, DType::boolean, [](VF c) { map2<uint8_t, uint8_t, uint8_t>(c, or_op); }},
    {"minimum", DType::boolean, DType::boolean, [](VF c) { map2<uint8_t, uint8_t, uint8_t>(c, and_op); }},
};

}  // namespace
}  // namespace nnx::kernels
