// Reference kernels of the elementwise ops. Integers wrap modulo 2^32, as the arithmetic of u32 does.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numbers>

#include "ops/attrs.h"
#include "reference/loops.h"

namespace nnx::reference {
namespace {

// out[i] = f(in[i]) for the types Ts that the op takes; f is generic.
template <auto f, class... Ts>
void unary(const Call& call) {
  by_dtype<Ts...>(call.in_types[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    using R = decltype(f(zero));
    const T* x = input<T>(call, 0);
    R* y = output<R>(call, 0);
    for (int64_t i = 0, n = call.in_types[0].size(); i < n; ++i) y[i] = f(x[i]);
  });
}

template <auto f, class... Ts>
void binary(const Call& call) {
  by_dtype<Ts...>(call.in_types[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    using R = decltype(f(zero, zero));
    const T *a = input<T>(call, 0), *b = input<T>(call, 1);
    R* y = output<R>(call, 0);
    for (int64_t i = 0, n = call.in_types[0].size(); i < n; ++i) y[i] = f(a[i], b[i]);
  });
}

template <auto f> constexpr auto unary_float = unary<f, float, double>;
template <auto f> constexpr auto unary_number = unary<f, float, double, int32_t, uint32_t>;
template <auto f> constexpr auto binary_float = binary<f, float, double>;
template <auto f> constexpr auto binary_number = binary<f, float, double, int32_t, uint32_t>;
template <auto f> constexpr auto binary_any = binary<f, float, double, int32_t, uint32_t, bool>;
template <auto f> constexpr auto binary_bits = binary<f, int32_t, uint32_t, bool>;

// `f(a, b)`, computed in u32 for i32 so that overflow wraps.
template <class T, class F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_floating_point_v<T>) return f(a, b);
  else return static_cast<T>(f(static_cast<uint32_t>(a), static_cast<uint32_t>(b)));
}
template <class T> T sum(T a, T b) { return wrapping(a, b, std::plus<>{}); }
template <class T> T difference(T a, T b) { return wrapping(a, b, std::minus<>{}); }
template <class T> T product(T a, T b) { return wrapping(a, b, std::multiplies<>{}); }

template <class T>
T negated(T x) {
  if constexpr (std::is_floating_point_v<T>) return -x;   // also of zero
  else return difference(T{0}, x);
}

template <class T>
T magnitude(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::abs(x);
  else return x < T{0} ? negated(x) : x;
}

template <class T>
T remainder(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return std::fmod(a, b);
  else if (b == 0) return a;                                     // defined where C++ leaves it open
  else if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;   // the least i32 would trap
  else return a % b;
}

// A NaN on either side wins.
template <class T> T larger(T a, T b) { return a > b || a != a ? a : b; }
template <class T> T smaller(T a, T b) { return a < b || a != a ? a : b; }

template <class T>
T sign_of(T x) {
  if (x > T{0}) return T{1};
  return x < T{0} ? static_cast<T>(-1) : x;   // zeros and NaN are themselves
}

template <class T>
T inverted(T x) {
  if constexpr (std::is_same_v<T, bool>) return !x;
  else return static_cast<T>(~x);
}

// The bits that a shift of 32 or more pushes out are gone.
template <class T>
T shifted_left(T a, T b) {
  const auto count = static_cast<uint32_t>(b);
  return count < 32 ? static_cast<T>(static_cast<uint32_t>(a) << count) : T{0};
}

uint32_t shifted_right(uint32_t a, uint32_t b) { return b < 32 ? a >> b : 0; }

// Giles, "Approximating the erfinv function" (GPU Computing Gems, 2012), single precision.
float inverse_erf(float x) {
  if (std::abs(x) == 1.0f) return x * std::numeric_limits<float>::infinity();
  constexpr float central[] = {2.81022636e-08f, 3.43273939e-07f, -3.5233877e-06f, -4.39150654e-06f, 2.1858087e-04f,
                               -1.25372503e-03f, -4.17768164e-03f, 0.246640727f, 1.50140941f};
  constexpr float tail[] = {-2.00214257e-04f, 1.00950558e-04f, 1.34934322e-03f, -3.67342844e-03f, 5.73950773e-03f,
                            -7.6224613e-03f, 9.43887047e-03f, 1.00167406f, 2.83297682f};
  float w = -static_cast<float>(std::log1p(-static_cast<double>(x * x)));   // log1pf is off by a unit here and there
  const bool is_central = w < 5.0f;
  w = is_central ? w - 2.5f : std::sqrt(w) - 3.0f;
  float p = 0;
  for (const float c : is_central ? central : tail) p = std::fma(p, w, c);   // as XLA, and every kernel with FMA
  return p * x;
}

// In double: Halley's iteration on erfc, which keeps the tails, from Winitzki's closed form (within 0.2 %).
double inverse_erf(double x) {
  if (std::abs(x) == 1.0) return x * std::numeric_limits<double>::infinity();
  if (!(std::abs(x) < 1.0)) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return x;
  const double target = std::abs(x), a = 0.147;
  const double log_term = std::log1p(-target * target), b = 2 / (std::numbers::pi * a) + log_term / 2;
  double y = std::sqrt(std::sqrt(b * b - log_term / a) - b);
  for (int step = 0; step < 3; ++step) {
    const double excess = target < 0.5 ? std::erf(y) - target : (1 - target) - std::erfc(y);
    const double newton = excess / (2 * std::numbers::inv_sqrtpi * std::exp(-y * y));
    y -= newton / (1 + y * newton);
  }
  return std::copysign(y, x);
}

// Value conversion that is defined everywhere: floats truncate and saturate to integers, NaN gives 0.
template <class To, class From>
To converted(From x) {
  if constexpr (std::is_same_v<From, bf16>) return converted<To>(float{x});
  else if constexpr (std::is_same_v<To, bf16>) return bf16(static_cast<float>(x));
  else if constexpr (std::is_same_v<To, bool>) return x != From{};
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(x)) return 0;
    constexpr double low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
    return static_cast<To>(std::clamp(static_cast<double>(x), low, high));
  } else return static_cast<To>(x);
}

void cast(const Call& call) {
  by_dtype<float, double, int32_t, uint32_t, bool, bf16>(call.out_types[0].dtype, [&](auto to) {
    unary<[](auto x) { return converted<decltype(to)>(x); }, float, double, int32_t, uint32_t, bool, bf16>(call);
  });
}

void select(const Call& call) {
  const bool* condition = input<bool>(call, 0);
  by_dtype<float, double, int32_t, uint32_t, bool>(call.out_types[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    const T *on_true = input<T>(call, 1), *on_false = input<T>(call, 2);
    T* y = output<T>(call, 0);
    for (int64_t i = 0, n = call.out_types[0].size(); i < n; ++i) y[i] = condition[i] ? on_true[i] : on_false[i];
  });
}

void copy(const Call& call) {
  if (call.out_types[0].bytes() > 0) std::memcpy(call.out[0], call.in[0], call.out_types[0].bytes());
}

constexpr Entry entries[] = {
    {"add", binary_number<[](auto a, auto b) { return sum(a, b); }>},
    {"sub", binary_number<[](auto a, auto b) { return difference(a, b); }>},
    {"mul", binary_number<[](auto a, auto b) { return product(a, b); }>},
    {"div", binary_float<[](auto a, auto b) { return a / b; }>},
    {"rem", binary_number<[](auto a, auto b) { return remainder(a, b); }>},
    {"pow", binary_float<[](auto a, auto b) { return std::pow(a, b); }>},
    {"maximum", binary_number<[](auto a, auto b) { return larger(a, b); }>},
    {"minimum", binary_number<[](auto a, auto b) { return smaller(a, b); }>},
    {"negative", unary_number<[](auto x) { return negated(x); }>},
    {"abs", unary_number<[](auto x) { return magnitude(x); }>},
    {"sign", unary_number<[](auto x) { return sign_of(x); }>},

    {"exp", unary_float<[](auto x) { return std::exp(x); }>},
    {"expm1", unary_float<[](auto x) { return std::expm1(x); }>},
    {"log", unary_float<[](auto x) { return std::log(x); }>},
    {"log1p", unary_float<[](auto x) { return std::log1p(x); }>},
    {"sqrt", unary_float<[](auto x) { return std::sqrt(x); }>},
    {"rsqrt", unary_float<[](auto x) { return 1 / std::sqrt(x); }>},
    {"sin", unary_float<[](auto x) { return std::sin(x); }>},
    {"cos", unary_float<[](auto x) { return std::cos(x); }>},
    {"tanh", unary_float<[](auto x) { return std::tanh(x); }>},
    {"erf", unary_float<[](auto x) { return std::erf(x); }>},
    {"erf_inv", unary_float<[](auto x) { return inverse_erf(x); }>},
    {"logistic", unary_float<[](auto x) { return 1 / (1 + std::exp(-x)); }>},
    {"floor", unary_float<[](auto x) { return std::floor(x); }>},
    {"ceil", unary_float<[](auto x) { return std::ceil(x); }>},
    {"round", unary_float<[](auto x) { return std::nearbyint(x); }>},   // ties to even
    {"is_finite", unary_float<[](auto x) { return static_cast<bool>(std::isfinite(x)); }>},

    {"equal", binary_any<std::equal_to<>{}>},
    {"not_equal", binary_any<std::not_equal_to<>{}>},
    {"less", binary_number<std::less<>{}>},
    {"less_equal", binary_number<std::less_equal<>{}>},
    {"greater", binary_number<std::greater<>{}>},
    {"greater_equal", binary_number<std::greater_equal<>{}>},

    {"bitwise_and", binary_bits<[](auto a, auto b) { return static_cast<decltype(a)>(a & b); }>},
    {"bitwise_or", binary_bits<[](auto a, auto b) { return static_cast<decltype(a)>(a | b); }>},
    {"bitwise_xor", binary_bits<[](auto a, auto b) { return static_cast<decltype(a)>(a ^ b); }>},
    {"bitwise_not", unary<[](auto x) { return inverted(x); }, int32_t, uint32_t, bool>},
    {"shift_left", binary<[](auto a, auto b) { return shifted_left(a, b); }, int32_t, uint32_t>},
    {"shift_right_logical", binary<[](auto a, auto b) { return shifted_right(a, b); }, uint32_t>},

    {"select", select},
    {"cast", cast},
    {"bitcast", copy},
    {"stop_gradient", copy},
};

}  // namespace

std::span<const Entry> elementwise_kernels() { return entries; }

}  // namespace nnx::reference
