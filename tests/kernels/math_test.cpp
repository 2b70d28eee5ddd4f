// Accuracy of the vector functions against double libm, over the whole range of float.
#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>

#include "kernels/loop_support.h"

namespace nnx::kernels {
namespace {

std::vector<float> values_of(std::string_view op, const std::vector<float>& x) {
  const auto n = static_cast<int64_t>(x.size());
  FusedLoop loop{.dims = {n}, .inputs = {{DType::f32, {1}}}, .code = {{op, {0}}}, .outputs = {{1, {1}}}};
  std::vector<float> y(x.size());
  run_kernel(*make_fused_loop(loop, 1), {const_cast<float*>(x.data()), y.data()});
  return y;
}

float from_bits(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

// Bit patterns spread evenly over all floats (so exponents are too), the special ones, and a dense stretch around 0.
const std::vector<float>& all_kinds_of_floats() {
  static const std::vector<float> values = [] {
    std::vector<float> v;
    for (uint64_t bits = 0; bits < (1ull << 32); bits += 4099) v.push_back(from_bits(static_cast<uint32_t>(bits)));
    const float inf = std::numeric_limits<float>::infinity();
    for (const float f :
         {0.0f,   -0.0f,   inf,           -inf,      NAN,        1.0f,        -1.0f,     1.17549435e-38f,
          1e-45f, -1e-45f, 3.4028235e38f, 88.72283f, 88.73f,     -87.33f,     -103.9f,   -104.1f,
          0.5f,   1.5f,    2.5f,          -2.5f,     8388607.5f, 0.99999994f, 1.0000001f}) {
      v.push_back(f);
    }
    for (int i = -200000; i < 200000; ++i) v.push_back(static_cast<float>(i) * 0.0005f);
    return v;
  }();
  return values;
}

void check_ulps(const char* op, const std::function<double(double)>& exact, double limit) {
  const std::vector<float>& x = all_kinds_of_floats();
  const std::vector<float> y = values_of(op, x);
  double worst = 0;
  float at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double e = ulps(y[i], exact(static_cast<double>(x[i])));
    if (e > worst) worst = e, at = x[i];
  }
  MESSAGE(std::string(op), ": ", worst, " ulp at ", at);
  CHECK(worst <= limit);
}

// The same polynomial in double, from the float square that XLA takes too: near 1 its rounding is most of the error.
double erf_inv_giles(double x) {
  if (std::fabs(x) == 1) return x * INFINITY;
  const float square = static_cast<float>(x) * static_cast<float>(x);
  double w = -std::log1p(-static_cast<double>(square));
  if (w < 5) {
    w -= 2.5;
    double p = 2.81022636e-08;
    for (const double c : {3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                           -0.00417768164, 0.246640727, 1.50140941})
      p = p * w + c;
    return p * x;
  }
  w = std::sqrt(w) - 3;
  double p = -0.000200214257;
  for (const double c : {0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
                         1.00167406, 2.83297682})
    p = p * w + c;
  return p * x;
}

}  // namespace

TEST_CASE("vector functions are within two units in the last place") {
  check_ulps(
      "exp", [](double x) { return std::exp(x); }, 2);
  check_ulps(
      "expm1", [](double x) { return std::expm1(x); }, 2);
  check_ulps(
      "log", [](double x) { return std::log(x); }, 2);
  check_ulps(
      "log1p", [](double x) { return std::log1p(x); }, 2);
  check_ulps(
      "sqrt", [](double x) { return std::sqrt(x); }, 0.5);
  check_ulps(
      "rsqrt", [](double x) { return 1 / std::sqrt(x); }, 2);
  check_ulps(
      "sin", [](double x) { return std::sin(x); }, 2);
  check_ulps(
      "cos", [](double x) { return std::cos(x); }, 2);
  check_ulps(
      "tanh", [](double x) { return std::tanh(x); }, 2);
  check_ulps(
      "erf", [](double x) { return std::erf(x); }, 2);
  check_ulps(
      "logistic", [](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }, 2.1);
  check_ulps(
      "floor", [](double x) { return std::floor(x); }, 0);
  check_ulps(
      "ceil", [](double x) { return std::ceil(x); }, 0);
  check_ulps(
      "round", [](double x) { return std::nearbyint(x); }, 0);
}

TEST_CASE("erf_inv follows Giles' polynomial") {
  std::vector<float> x;
  for (int i = -20000; i <= 20000; ++i) x.push_back(static_cast<float>(i) / 20000.0f);
  for (int i = 1; i < 2000; ++i) x.push_back(from_bits(0x3f800000u - static_cast<uint32_t>(i)));
  const std::vector<float> y = values_of("erf_inv", x);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, ulps(y[i], erf_inv_giles(static_cast<double>(x[i]))));
  MESSAGE("erf_inv: ", worst, " ulp");
  CHECK(worst <= 4);
  CHECK(std::isnan(values_of("erf_inv", {1.5f})[0]));
}

TEST_CASE("normal numbers are JAX's") {
  // sqrt(2) erf_inv(uniform(-1 + 2^-24, 1)), all in one loop; jax.random.normal(key(0), (5,)) and key(42), (3,)
  const float low = -0.99999994f;
  FusedLoop loop{.dims = {5},
                 .inputs = {{DType::u32, {0}}},
                 .code = {{"random_bits", {0}, DType::u32, 0, 0, {1}},
                          {"fill", {}, DType::u32, 9},
                          {"shift_right_logical", {1, 2}, DType::u32},
                          {"fill", {}, DType::u32, 0x3f800000},
                          {"bitwise_or", {3, 4}, DType::u32},
                          {"bitcast", {5}},
                          {"fill", {}, DType::f32, 1},
                          {"sub", {6, 7}},
                          {"fill", {}, DType::f32, 1.0 - static_cast<double>(low)},
                          {"mul", {8, 9}},
                          {"fill", {}, DType::f32, static_cast<double>(low)},
                          {"add", {10, 11}},
                          {"maximum", {11, 12}},
                          {"erf_inv", {13}},
                          {"fill", {}, DType::f32, 1.4142135},
                          {"mul", {14, 15}}},
                 .outputs = {{16, {1}}}};
  const auto draw = [&](uint32_t seed) {
    uint32_t key[2] = {0, seed};
    std::vector<float> y(5);
    run_kernel(*make_fused_loop(loop, 1), {key, y.data()});
    return y;
  };
  const float zero[] = {1.6226422f, 2.0252647f, -0.43359444f, -0.07861735f, 0.1760909f};
  const float other[] = {-0.028304616f, 0.46713185f, 0.29570296f};
  const std::vector<float> a = draw(0), b = draw(42);
  for (size_t i = 0; i < 5; ++i) CHECK(ulps(a[i], static_cast<double>(zero[i])) <= 1);
  for (size_t i = 0; i < 3; ++i) CHECK(ulps(b[i], static_cast<double>(other[i])) <= 1);
}

TEST_CASE("pow is within four units in the last place and keeps C's special cases") {
  const auto bases = [] {
    std::vector<float> v = random_floats(1, 3000, 0, 3);
    for (uint64_t bits = 0; bits < (1ull << 32); bits += 1299709) v.push_back(from_bits(static_cast<uint32_t>(bits)));
    for (const float f : {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 0.9f, 0.999f}) v.push_back(f);
    return v;
  }();
  double worst = 0;
  for (const float exponent : {0.0f, -0.0f, 1.0f, -1.0f, 2.0f, 3.0f, -3.0f, 0.5f, 0.25f, 1000.0f, 12345.0f, -0.75f,
                               17.25f, INFINITY, -INFINITY, NAN, 1e-3f, 1e30f}) {
    const auto n = static_cast<int64_t>(bases.size());
    FusedLoop loop{.dims = {n},
                   .inputs = {{DType::f32, {1}}, {DType::f32, {0}}},
                   .code = {{"pow", {0, 1}}},
                   .outputs = {{2, {1}}}};
    std::vector<float> y(bases.size());
    float e = exponent;
    run_kernel(*make_fused_loop(loop, 1), {const_cast<float*>(bases.data()), &e, y.data()});
    for (size_t i = 0; i < y.size(); ++i)
      worst = std::max(worst, ulps(y[i], std::pow(static_cast<double>(bases[i]), static_cast<double>(e))));
  }
  MESSAGE("pow: ", worst, " ulp");
  CHECK(worst <= 4);
}

TEST_CASE("a value does not depend on its place in a run") {
  const std::vector<float> x = random_floats(7, 70, -4, 4);
  for (const char* op : {"exp", "tanh", "erf", "log1p", "sin", "logistic", "expm1", "rsqrt"}) {
    const std::vector<float> all = values_of(op, x);
    for (size_t start = 0; start < 20; ++start) {
      for (const size_t n : {1u, 3u, 7u, 16u, 17u, 50u}) {
        const std::vector<float> part =
            values_of(op, {x.begin() + static_cast<long>(start), x.begin() + static_cast<long>(start + n)});
        CHECK(std::memcmp(part.data(), all.data() + start, n * 4) == 0);
      }
    }
  }
}

}  // namespace nnx::kernels
