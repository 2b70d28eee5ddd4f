// Elementwise ops one by one: values against std:: and by hand, edges, broadcasting, gradients at kinks, errors.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "ops/elementwise.h"
#include "ops/helpers.h"
#include "ops/shape.h"

namespace nnx::test {
namespace {

constexpr int32_t least = std::numeric_limits<int32_t>::min(), most = std::numeric_limits<int32_t>::max();

template <class T>
Array vec(std::initializer_list<T> values) { return array<T>(values, {static_cast<int64_t>(values.size())}); }

template <class T> std::vector<T> list(const Array& x) { return x.to_vector<T>(); }

// Equal, where NaN equals NaN.
void check_floats(const Array& got, const std::vector<float>& expected) {
  const auto values = list<float>(got);
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    INFO(i);
    if (std::isnan(expected[i])) CHECK(std::isnan(values[i]));
    else CHECK(values[i] == expected[i]);
  }
}

}  // namespace

TEST_CASE_FIXTURE(WithReference, "arithmetic of floats") {
  const Array a = vec<float>({6, -7.5f, 0, inf}), b = vec<float>({4, 2, -0.0f, inf});
  check_floats(a + b, {10, -5.5f, 0, inf});
  check_floats(a - b, {2, -9.5f, 0, nan});
  check_floats(a * b, {24, -15, 0, inf});
  check_floats(a / b, {1.5f, -3.75f, nan, nan});
  check_floats(rem(a, b), {2, -1.5f, nan, nan});
  check_floats(negative(a), {-6, 7.5f, 0, -inf});
  CHECK(std::signbit(list<float>(negative(a))[2]));
  check_floats(abs(a), {6, 7.5f, 0, inf});
  check_floats(sign(vec<float>({3, -0.1f, 0, nan, -inf})), {1, -1, 0, nan, -1});
  CHECK(std::signbit(list<float>(sign(vec<float>({-0.0f})))[0]));
  check_floats(square(a), {36, 56.25f, 0, inf});
  check_floats(reciprocal(vec<float>({4, -0.5f, 0})), {0.25f, -2, inf});
}

TEST_CASE_FIXTURE(WithReference, "doubles keep their precision, in arithmetic with numbers too") {
  const Array x = vec<double>({0.1, 0.2});
  const Array y = 1.0 / (x * 3 + 0.3 - 1e-17);
  CHECK(y.dtype() == DType::f64);
  CHECK(list<double>(y)[0] == 1.0 / (0.1 * 3 + 0.3 - 1e-17));
  CHECK(list<double>(y)[1] == 1.0 / (0.2 * 3 + 0.3 - 1e-17));
  CHECK(list<double>(exp(x))[1] == std::exp(0.2));
}

TEST_CASE_FIXTURE(WithReference, "integers wrap and never trap") {
  CHECK(list<int32_t>(vec<int32_t>({most, least, 5}) + vec<int32_t>({1, -1, -7})) == std::vector<int32_t>{least, most, -2});
  CHECK(list<int32_t>(vec<int32_t>({least}) - vec<int32_t>({1})) == std::vector<int32_t>{most});
  CHECK(list<int32_t>(vec<int32_t>({65536, -3}) * vec<int32_t>({65536, 4})) == std::vector<int32_t>{0, -12});
  CHECK(list<uint32_t>(vec<uint32_t>({0}) - vec<uint32_t>({1})) == std::vector<uint32_t>{0xffffffffu});
  CHECK(list<int32_t>(negative(vec<int32_t>({least, 3}))) == std::vector<int32_t>{least, -3});
  CHECK(list<int32_t>(abs(vec<int32_t>({least, -3, 4}))) == std::vector<int32_t>{least, 3, 4});
  CHECK(list<uint32_t>(abs(vec<uint32_t>({0x80000000u}))) == std::vector<uint32_t>{0x80000000u});
  CHECK(list<int32_t>(sign(vec<int32_t>({-9, 0, 9}))) == std::vector<int32_t>{-1, 0, 1});
  CHECK(list<uint32_t>(sign(vec<uint32_t>({0, 0xffffffffu}))) == std::vector<uint32_t>{0, 1});
  CHECK(list<int32_t>(rem(vec<int32_t>({7, -7, 7, 9, least}), vec<int32_t>({3, 3, -3, 0, -1}))) ==
        std::vector<int32_t>{1, -1, 1, 9, 0});
  CHECK(list<uint32_t>(rem(vec<uint32_t>({0xffffffffu, 8}), vec<uint32_t>({10, 0}))) == std::vector<uint32_t>{5, 8});
}

TEST_CASE_FIXTURE(WithReference, "maximum and minimum take a NaN from either side") {
  const Array a = vec<float>({1, nan, 3, -inf}), b = vec<float>({2, 0, nan, inf});
  check_floats(maximum(a, b), {2, nan, nan, inf});
  check_floats(minimum(a, b), {1, nan, nan, -inf});
  CHECK(list<uint32_t>(maximum(vec<uint32_t>({0x80000000u}), vec<uint32_t>({1}))) == std::vector<uint32_t>{0x80000000u});
  CHECK(list<int32_t>(maximum(vec<int32_t>({least}), vec<int32_t>({1}))) == std::vector<int32_t>{1});
  check_floats(clip(vec<float>({-2, 0.5f, 9, nan}), -1, 1), {-1, 0.5f, 1, nan});
}

TEST_CASE_FIXTURE(WithReference, "functions are those of the standard library, in both float types") {
  const std::vector<float> points = {-2.5f, -1, -0.25f, -0.0f, 0.125f, 0.9f, 3, 20};
  const auto check_against = [&](Array (*op)(const Array&), float (*in_float)(float), double (*in_double)(double)) {
    const auto single = list<float>(op(array<float>(points, {8})));
    const auto twice = list<double>(op(array<double>(std::vector<double>(points.begin(), points.end()), {8})));
    for (size_t i = 0; i < points.size(); ++i) {
      INFO(points[i]);
      const float expected = in_float(points[i]);
      CHECK((single[i] == expected || (std::isnan(single[i]) && std::isnan(expected))));
      const double precise = in_double(points[i]);
      CHECK((twice[i] == precise || (std::isnan(twice[i]) && std::isnan(precise))));
    }
  };
  check_against(exp, std::exp, std::exp);
  check_against(expm1, std::expm1, std::expm1);
  check_against(log, std::log, std::log);
  check_against(log1p, std::log1p, std::log1p);
  check_against(sqrt, std::sqrt, std::sqrt);
  check_against(sin, std::sin, std::sin);
  check_against(cos, std::cos, std::cos);
  check_against(tanh, std::tanh, std::tanh);
  check_against(erf, std::erf, std::erf);
  check_against(floor, std::floor, std::floor);
  check_against(ceil, std::ceil, std::ceil);
}

TEST_CASE_FIXTURE(WithReference, "rsqrt, logistic, rounding and pow") {
  check_floats(rsqrt(vec<float>({4, 0.0625f, 0, inf, -1})), {0.5f, 4, inf, 0, nan});
  check_floats(logistic(vec<float>({0, -inf, inf, 100, -200})), {0.5f, 0, 1, 1, 0});
  CHECK(list<double>(logistic(vec<double>({1.5})))[0] == doctest::Approx(0.81757447619364365).epsilon(1e-15));
  check_floats(round(vec<float>({0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 2.4f})), {0, 2, 2, 0, -2, 2});
  check_floats(pow(vec<float>({2, 4, 0, -8}), vec<float>({10, -0.5f, 0, 3})), {1024, 0.5f, 1, -512});
  check_floats(pow(vec<float>({-3}), 2), {9});
  check_floats(pow(vec<float>({4}), -1), {0.25f});
  check_floats(pow(vec<float>({4}), 0.5), {2});
  check_floats(pow(vec<float>({4}), -0.5), {0.5f});
  check_floats(pow(vec<float>({-2}), 3), {-8});
  CHECK(list<bool>(is_finite(vec<float>({1, inf, -inf, nan}))) == std::vector<bool>{true, false, false, false});
}

TEST_CASE_FIXTURE(WithReference, "erf_inv undoes erf, out to the tails") {
  const auto edges = list<float>(erf_inv(vec<float>({0, 1, -1, 1.5f, nan})));
  CHECK(edges[0] == 0);
  CHECK(edges[1] == inf);
  CHECK(edges[2] == -inf);
  CHECK(std::isnan(edges[3]));
  CHECK(std::isnan(edges[4]));
  for (double y = -5.5; y <= 5.5; y += 0.0625) {
    INFO(y);
    const double x = std::erf(y);
    if (std::abs(x) == 1) continue;
    const double back = list<double>(erf_inv(vec<double>({x})))[0];
    // erf is flat in the tails: one unit of x in the last place moves y by this much
    const double unit = 1e-16 * std::sqrt(std::numbers::pi) * std::exp(y * y);
    CHECK(std::abs(back - y) <= 2 * unit + 1e-15 * std::abs(y));
  }
  for (float x = -0.9995f; x < 1; x += 0.01171875f) {
    INFO(x);
    const double precise = list<double>(erf_inv(vec<double>({x})))[0];
    CHECK(list<float>(erf_inv(vec<float>({x})))[0] == doctest::Approx(precise).epsilon(1e-6));
  }
  // the quantile of the normal distribution: Phi^-1(0.975) = sqrt(2) erf_inv(0.95)
  CHECK(std::numbers::sqrt2 * list<double>(erf_inv(vec<double>({0.95})))[0] ==
        doctest::Approx(1.959963984540054).epsilon(1e-15));
  const float lowest = std::nextafter(-1.0f, 0.0f);
  CHECK(list<float>(erf_inv(vec<float>({lowest})))[0] == doctest::Approx(-3.8325066).epsilon(1e-5));
}

TEST_CASE_FIXTURE(WithReference, "comparisons are false beside NaN, but for not_equal") {
  const Array a = vec<float>({1, 2, nan}), b = vec<float>({2, 2, nan});
  using Bools = std::vector<bool>;
  CHECK(list<bool>(equal(a, b)) == Bools{false, true, false});
  CHECK(list<bool>(not_equal(a, b)) == Bools{true, false, true});
  CHECK(list<bool>(less(a, b)) == Bools{true, false, false});
  CHECK(list<bool>(less_equal(a, b)) == Bools{true, true, false});
  CHECK(list<bool>(greater(b, a)) == Bools{true, false, false});
  CHECK(list<bool>(greater_equal(b, a)) == Bools{true, true, false});
  CHECK(list<bool>(less(vec<uint32_t>({1}), vec<uint32_t>({0xffffffffu}))) == Bools{true});
  CHECK(list<bool>(less(vec<int32_t>({1}), vec<int32_t>({-1}))) == Bools{false});
  CHECK(list<bool>(equal(vec<bool>({true, false}), vec<bool>({false, false}))) == Bools{false, true});
  CHECK(list<bool>(greater(a, 1)) == Bools{false, true, false});
  CHECK(list<bool>(greater_equal(a, 1)) == Bools{true, true, false});
  CHECK(list<bool>(less(a, 2)) == Bools{true, false, false});
  CHECK(list<bool>(less_equal(a, 2)) == Bools{true, true, false});
  CHECK(list<bool>(equal(vec<int32_t>({3, 4}), 4)) == Bools{false, true});
}

TEST_CASE_FIXTURE(WithReference, "bits and shifts") {
  const Array a = vec<uint32_t>({0b1100, 0xffffffffu}), b = vec<uint32_t>({0b1010, 0xff});
  CHECK(list<uint32_t>(bitwise_and(a, b)) == std::vector<uint32_t>{0b1000, 0xff});
  CHECK(list<uint32_t>(bitwise_or(a, b)) == std::vector<uint32_t>{0b1110, 0xffffffffu});
  CHECK(list<uint32_t>(bitwise_xor(a, b)) == std::vector<uint32_t>{0b0110, 0xffffff00u});
  CHECK(list<uint32_t>(bitwise_not(a)) == std::vector<uint32_t>{0xfffffff3u, 0});
  CHECK(list<int32_t>(bitwise_not(vec<int32_t>({0}))) == std::vector<int32_t>{-1});
  CHECK(list<bool>(bitwise_not(vec<bool>({true, false}))) == std::vector<bool>{false, true});
  CHECK(list<bool>(bitwise_xor(vec<bool>({true, true}), vec<bool>({true, false}))) == std::vector<bool>{false, true});
  const Array counts = vec<uint32_t>({0, 4, 31, 32, 0xffffffffu}), ones = full({5}, 0xffffffffu, DType::u32);
  CHECK(list<uint32_t>(shift_left(ones, counts)) == std::vector<uint32_t>{0xffffffffu, 0xfffffff0u, 0x80000000u, 0, 0});
  CHECK(list<uint32_t>(shift_right_logical(ones, counts)) == std::vector<uint32_t>{0xffffffffu, 0x0fffffff, 1, 0, 0});
  CHECK(list<int32_t>(shift_left(vec<int32_t>({-1, 1, 1}), vec<int32_t>({1, 31, -1}))) == std::vector<int32_t>{-2, least, 0});
}

TEST_CASE_FIXTURE(WithReference, "casts truncate, saturate, and are defined for every value") {
  const Array x = vec<float>({1.9f, -1.9f, 3e9f, -3e9f, 1e20f, nan, inf, -inf});
  CHECK(list<int32_t>(cast(x, DType::i32)) == std::vector<int32_t>{1, -1, most, least, most, 0, most, least});
  CHECK(list<uint32_t>(cast(x, DType::u32)) ==
        std::vector<uint32_t>{1, 0, 3000000000u, 0, 0xffffffffu, 0, 0xffffffffu, 0});
  CHECK(list<bool>(cast(vec<float>({0, -0.0f, 0.1f, nan}), DType::boolean)) == std::vector<bool>{false, false, true, true});
  CHECK(list<float>(cast(vec<bool>({true, false}), DType::f32)) == std::vector<float>{1, 0});
  CHECK(list<float>(cast(vec<int32_t>({16777217, -5}), DType::f32)) == std::vector<float>{16777216, -5});
  CHECK(list<uint32_t>(cast(vec<int32_t>({-1}), DType::u32)) == std::vector<uint32_t>{0xffffffffu});
  CHECK(list<double>(cast(vec<uint32_t>({0xffffffffu}), DType::f64)) == std::vector<double>{4294967295.0});
  CHECK(list<float>(cast(vec<double>({0.1}), DType::f32)) == std::vector<float>{0.1f});
  CHECK(list<uint32_t>(bitcast(vec<float>({1.0f, -0.0f}), DType::u32)) == std::vector<uint32_t>{0x3f800000, 0x80000000u});
  CHECK(list<float>(bitcast(vec<uint32_t>({0x3f800000}), DType::f32)) == std::vector<float>{1});
}

TEST_CASE_FIXTURE(WithReference, "both sides broadcast by trailing dimensions") {
  const Array row = array<float>({1, 2, 3}, {3}), column = array<float>({10, 20}, {2, 1});
  const Array table = column + row;
  CHECK(table.shape() == Shape{2, 3});
  CHECK(list<float>(table) == std::vector<float>{11, 12, 13, 21, 22, 23});
  CHECK((row + scalar(1.0f)).shape() == Shape{3});
  CHECK((scalar(1.0f) - array<float>({1, 2, 3, 4}, {2, 1, 2})).shape() == Shape{2, 1, 2});
  CHECK((zeros({0, 3}) + zeros({1, 1})).shape() == Shape{0, 3});
  const Array chosen = select(array<bool>({true, false}, {2, 1}), row, scalar(0.0f));
  CHECK(list<float>(chosen) == std::vector<float>{1, 2, 3, 0, 0, 0});
  const Arrays cts = gradients([](std::span<const Array> in) { return in[0] * in[1]; }, {row, column});
  CHECK(list<float>(cts[0]) == std::vector<float>{30, 30, 30});
  CHECK(cts[1].shape() == Shape{2, 1});
  CHECK(list<float>(cts[1]) == std::vector<float>{6, 6});
}

TEST_CASE_FIXTURE(WithReference, "gradients at kinks and ties") {
  const Arrays of_max = gradients([](std::span<const Array> in) { return maximum(in[0], in[1]); },
                                  {vec<float>({1, 2, 3, nan}), vec<float>({2, 2, 1, 0})});
  CHECK(list<float>(of_max[0]) == std::vector<float>{0, 0.5f, 1, 0});
  CHECK(list<float>(of_max[1]) == std::vector<float>{1, 0.5f, 0, 0});
  const Arrays of_min = gradients([](std::span<const Array> in) { return minimum(in[0], in[1]); },
                                  {vec<double>({1, 2, 3}), vec<double>({2, 2, 1})});
  CHECK(list<double>(of_min[0]) == std::vector<double>{1, 0.5, 0});
  CHECK(list<double>(of_min[1]) == std::vector<double>{0, 0.5, 1});
  CHECK(list<float>(gradient(abs, vec<float>({-2, 0, 2}))) == std::vector<float>{-1, 0, 1});
  for (Array (*op)(const Array&) : {sign, floor, ceil, nnx::round, stop_gradient})
    CHECK(list<float>(gradient(op, vec<float>({-1.3f, 0.4f}))) == std::vector<float>{0, 0});
  const auto clipped = [](const Array& x) { return clip(x, -1, 1); };
  CHECK(list<float>(gradient(clipped, vec<float>({-3, -1, 0.5f, 2}))) == std::vector<float>{0, 0.5f, 1, 0});
  // through a whole number and back nothing flows
  const auto truncated = [](const Array& x) { return x * cast(cast(x, DType::i32), DType::f32); };
  CHECK(list<float>(gradient(truncated, vec<float>({2.5f}))) == std::vector<float>{2});
  const auto halved = [](const Array& x) { return cast(cast(x, DType::f64) * 0.5, DType::f32); };
  CHECK(list<float>(gradient(halved, vec<float>({2.5f}))) == std::vector<float>{0.5f});
}

TEST_CASE_FIXTURE(WithReference, "the gradient of pow is finite where it exists") {
  const Arrays cts = gradients([](std::span<const Array> in) { return pow(in[0], in[1]); },
                               {vec<double>({0, 0, 3, 0}), vec<double>({0, 1, 2, 3})});
  CHECK(list<double>(cts[0]) == std::vector<double>{0, 1, 6, 0});
  CHECK(list<double>(cts[1])[0] == 0);
  CHECK(list<double>(cts[1])[2] == doctest::Approx(9 * std::log(3.0)));
  const auto cube = [](const Array& x) { return pow(x, 3); };
  const auto slope = [&](const Array& x) { return gradient(cube, x); };
  CHECK(list<double>(gradient(cube, vec<double>({-2, 0}))) == std::vector<double>{12, 0});
  CHECK(list<double>(gradient(slope, vec<double>({-2, 3}))) == std::vector<double>{-12, 18});
}

TEST_CASE_FIXTURE(WithReference, "second derivatives against their formulas") {
  const double x = 0.3, t = std::tanh(x), s = 1 / (1 + std::exp(-x)), g = 2 / std::sqrt(std::numbers::pi);
  const auto second = [&](Array (*op)(const Array&)) {
    const auto slope = [&](const Array& in) { return gradient(op, in); };
    return list<double>(gradient(slope, vec<double>({x})))[0];
  };
  CHECK(second(exp) == doctest::Approx(std::exp(x)));
  CHECK(second(expm1) == doctest::Approx(std::exp(x)));
  CHECK(second(log) == doctest::Approx(-1 / (x * x)));
  CHECK(second(log1p) == doctest::Approx(-1 / ((1 + x) * (1 + x))));
  CHECK(second(sqrt) == doctest::Approx(-0.25 * std::pow(x, -1.5)));
  CHECK(second(rsqrt) == doctest::Approx(0.75 * std::pow(x, -2.5)));
  CHECK(second(sin) == doctest::Approx(-std::sin(x)));
  CHECK(second(cos) == doctest::Approx(-std::cos(x)));
  CHECK(second(tanh) == doctest::Approx(-2 * t * (1 - t * t)));
  CHECK(second(logistic) == doctest::Approx(s * (1 - s) * (1 - 2 * s)));
  CHECK(second(erf) == doctest::Approx(-2 * x * g * std::exp(-x * x)));
  const double y = list<double>(erf_inv(vec<double>({x})))[0], slope = std::exp(y * y) / g;
  CHECK(second(erf_inv) == doctest::Approx(2 * y * slope * slope));
  CHECK(second(square) == 2);
  CHECK(second(reciprocal) == doctest::Approx(2 / (x * x * x)));
}

TEST_CASE_FIXTURE(WithReference, "errors name the op and what it was given") {
  const Array f = zeros({3, 4}), i = zeros({3, 4}, DType::i32), b = zeros({2}, DType::boolean);
  CHECK(error_of([&] { add(f, zeros({5})); }) == "add: expected shapes that broadcast, got f32[3,4] and f32[5]");
  CHECK(error_of([&] { mul(f, i); }) == "mul: expected one dtype, got f32[3,4] and i32[3,4]");
  CHECK(error_of([&] { tanh(i); }) == "tanh: expected f32 or f64, got i32[3,4]");
  CHECK(error_of([&] { div(i, i); }) == "div: expected f32 or f64, got i32[3,4]");
  CHECK(error_of([&] { add(b, b); }) == "add: expected f32, f64, i32 or u32, got bool[2]");
  CHECK(error_of([&] { shift_right_logical(i, i); }) == "shift_right_logical: expected u32, got i32[3,4]");
  CHECK(error_of([&] { bitwise_and(f, f); }) == "bitwise_and: expected i32, u32 or bool, got f32[3,4]");
  CHECK(error_of([&] { add(i, 0.5); }) == "add: expected a number that i32 can hold, beside i32[3,4], got 0.5");
  CHECK(error_of([&] { pow(i, 2); }) == "pow: expected f32 or f64, got i32[3,4]");
  CHECK(error_of([&] { select(f, f, f); }) ==
        "select: expected a bool condition and two inputs of one type, all of one shape, got f32[3,4], f32[3,4] and f32[3,4]");
  CHECK(error_of([&] { select(b, f, i); }) == "select: expected one dtype, got bool[2], f32[3,4] and i32[3,4]");
  CHECK(error_of([&] { select(b, f, f); }) ==
        "select: expected shapes that broadcast, got bool[2], f32[3,4] and f32[3,4]");
  CHECK(error_of([&] { bitcast(zeros({1}, DType::f64), DType::u32); }) ==
        "bitcast: expected f32, i32 or u32, got f64[1]");
}

}  // namespace nnx::test
