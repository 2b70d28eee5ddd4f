// Reductions, cumulative sums and sorting: values by hand, edges, gradients at ties and zeros, errors.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "ops/helpers.h"

namespace nnx::test {
namespace {


using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Ints = std::vector<int32_t>;
using Bools = std::vector<bool>;

Array table() { return array<float>({1, 5, 3, 4, 2, 6}, {2, 3}); }

}  // namespace

TEST_CASE_FIXTURE(WithReference, "sums over any axes, with the dimensions kept or not") {
  CHECK(sum(table()).item<float>() == 21);
  CHECK(sum(table()).shape() == Shape{});
  CHECK(sum(table(), {0}).to_vector<float>() == Floats{5, 7, 9});
  CHECK(sum(table(), {-1}).to_vector<float>() == Floats{9, 12});
  CHECK(sum(table(), {-1}, true).shape() == Shape{2, 1});
  CHECK(sum(table(), {}, true).shape() == Shape{1, 1});
  const Array cube = reshape(arange(24, DType::f64), {2, 3, 4});
  CHECK(sum(cube, {2, 0}).to_vector<double>() == Doubles{60, 92, 124});   // in any order
  CHECK(sum(cube, {1}).to_vector<double>() == Doubles{12, 15, 18, 21, 48, 51, 54, 57});
  CHECK(sum(scalar(3.0f)).item<float>() == 3);
  CHECK(sum(array<int32_t>({std::numeric_limits<int32_t>::max(), 1}, {2})).item<int32_t>() ==
        std::numeric_limits<int32_t>::min());
  CHECK(mean(table(), {1}).to_vector<float>() == Floats{3, 4});
  CHECK(mean(table(), {0}, true).shape() == Shape{1, 3});
  // a running f32 sum would stop at 2^24
  CHECK(sum(ones({20000000})).item<float>() == 20000000.0f);
}

TEST_CASE_FIXTURE(WithReference, "products, extremes and logic") {
  CHECK(prod(table(), {1}).to_vector<float>() == Floats{15, 48});
  CHECK(prod(array<int32_t>({-3, 4}, {2})).item<int32_t>() == -12);
  CHECK(max(table(), {1}).to_vector<float>() == Floats{5, 6});
  CHECK(min(table(), {0}).to_vector<float>() == Floats{1, 2, 3});
  CHECK(std::isnan(max(array<float>({1, nan, 3}, {3})).item<float>()));
  CHECK(std::isnan(min(array<float>({nan, 1, 3}, {3})).item<float>()));
  CHECK(max(array<float>({-inf, -inf}, {2})).item<float>() == -inf);
  CHECK(min(array<float>({inf, inf}, {2})).item<float>() == inf);
  CHECK(max(array<int32_t>({-5, -7}, {2})).item<int32_t>() == -5);
  CHECK(min(array<uint32_t>({0xffffffffu, 0x80000000u}, {2})).item<uint32_t>() == 0x80000000u);
  const Array flags = array<bool>({true, false, true, true}, {2, 2});
  CHECK(any(flags, {1}).to_vector<bool>() == Bools{true, true});
  CHECK(all(flags, {1}).to_vector<bool>() == Bools{false, true});
  CHECK(any(flags).item<bool>());
  CHECK(!all(flags).item<bool>());
}

TEST_CASE_FIXTURE(WithReference, "an empty extent reduces to the neutral element, where there is one") {
  const Array none = zeros({2, 0});
  CHECK(sum(none, {1}).to_vector<float>() == Floats{0, 0});
  CHECK(prod(none, {1}).to_vector<float>() == Floats{1, 1});
  CHECK(sum(none, {0}).shape() == Shape{0});
  CHECK(max(none, {0}).shape() == Shape{0});
  CHECK(all(zeros({0}, DType::boolean)).item<bool>());
  CHECK(!any(zeros({0}, DType::boolean)).item<bool>());
  CHECK(cumsum(none, 1).shape() == Shape{2, 0});
  CHECK(sort(none).shape() == Shape{2, 0});
  CHECK(argmax(none, 0).shape() == Shape{0});
  CHECK(error_of([&] { max(none, {1}); }) == "max: expected at least one element along axis 1, got f32[2,0]");
  CHECK(error_of([&] { min(none); }) == "min: expected at least one element along axis 1, got f32[2,0]");
  CHECK(error_of([&] { argmin(none, -1); }) == "argmin: expected at least one element along axis 1, got f32[2,0]");
}

TEST_CASE_FIXTURE(WithReference, "argmax and argmin give the first of ties, and the first NaN") {
  const Array x = array<float>({1, 3, 3, 2, 2, 5}, {2, 3});
  CHECK(argmax(x, 1).to_vector<int32_t>() == Ints{1, 2});
  CHECK(argmin(x, 1).to_vector<int32_t>() == Ints{0, 0});
  CHECK(argmax(x, 0).to_vector<int32_t>() == Ints{1, 0, 1});
  CHECK(argmax(x, -1, true).shape() == Shape{2, 1});
  const Array with_nan = array<float>({1, nan, 9, nan}, {4});
  CHECK(argmax(with_nan, 0).item<int32_t>() == 1);
  CHECK(argmin(with_nan, 0).item<int32_t>() == 1);
  CHECK(argmax(array<float>({-inf, -inf}, {2}), 0).item<int32_t>() == 0);
}

TEST_CASE_FIXTURE(WithReference, "cumulative sums run either way") {
  CHECK(cumsum(table(), 1).to_vector<float>() == Floats{1, 6, 9, 4, 6, 12});
  CHECK(cumsum(table(), 1, true).to_vector<float>() == Floats{9, 8, 3, 12, 8, 6});
  CHECK(cumsum(table(), 0).to_vector<float>() == Floats{1, 5, 3, 5, 7, 9});
  CHECK(cumsum(array<int32_t>({1, -2, 4}, {3}), -1).to_vector<int32_t>() == Ints{1, -1, 3});
  const auto weighted = [](const Array& x) { return cumsum(x, 0) * array<double>({1, 10, 100}, {3}); };
  CHECK(gradient(weighted, array<double>({5, 6, 7}, {3})).to_vector<double>() == Doubles{111, 110, 100});
}

TEST_CASE_FIXTURE(WithReference, "sorting is stable, NaN comes last, the other arrays follow") {
  CHECK(sort(array<float>({3, nan, -1, inf, 2, -inf}, {6})).to_vector<float>().front() == -inf);
  CHECK(argsort(array<float>({3, nan, -1, inf, nan, 2}, {6})).to_vector<int32_t>() == Ints{2, 5, 0, 3, 1, 4});
  CHECK(argsort(array<float>({1, 0, 1, 0, -0.0f}, {5})).to_vector<int32_t>() == Ints{1, 3, 4, 0, 2});
  CHECK(sort(array<float>({3, 1, 2, 9, 7, 8}, {2, 3}), 1).to_vector<float>() == Floats{1, 2, 3, 7, 8, 9});
  CHECK(sort(array<float>({3, 1, 2, 0, 7, 8}, {2, 3}), 0).to_vector<float>() == Floats{0, 1, 2, 3, 7, 8});
  CHECK(sort(array<uint32_t>({0x80000000u, 5}, {2})).to_vector<uint32_t>() == std::vector<uint32_t>{5, 0x80000000u});
  const Arrays both = sort({array<int32_t>({2, 1, 2, 0}, {4}), array<bool>({true, false, false, true}, {4})}, 0);
  CHECK(both[0].to_vector<int32_t>() == Ints{0, 1, 2, 2});
  CHECK(both[1].to_vector<bool>() == Bools{true, false, true, false});
}

TEST_CASE_FIXTURE(WithReference, "cotangents of a sort go back to where the elements came from") {
  const Array keys = array<double>({3, 1, 2, 1}, {2, 2}), payload = array<double>({5, 6, 7, 8}, {2, 2});
  const Array weights = array<double>({1, 10, 100, 1000}, {2, 2});
  const Arrays cts = gradients([&](std::span<const Array> in) {
    const Arrays sorted = sort({in[0], in[1]}, 1);
    return sorted[0] * weights + sorted[1] * weights * 2;
  }, {keys, payload});
  CHECK(cts[0].to_vector<double>() == Doubles{10, 1, 1000, 100});
  CHECK(cts[1].to_vector<double>() == Doubles{20, 2, 2000, 200});
  // of the payload only, and twice: sum(sorted^2) has the Hessian 2
  const auto slope = [&](const Array& x) {
    return gradient([&](const Array& y) { return square(sort({keys, y}, 0)[1]); }, x);
  };
  CHECK(gradient(slope, payload).to_vector<double>() == Doubles{2, 2, 2, 2});
}

TEST_CASE_FIXTURE(WithReference, "gradients of sums, means and extremes") {
  CHECK(gradient([](const Array& x) { return mean(x, {1}); }, table()).to_vector<float>() == Floats(6, 1.0f / 3));
  const Array tied = array<float>({2, 7, 7, 7, 1, 0}, {2, 3});
  CHECK(gradient([](const Array& x) { return max(x, {1}); }, tied).to_vector<float>() == Floats{0, 0.5f, 0.5f, 1, 0, 0});
  CHECK(gradient([](const Array& x) { return max(x); }, tied).to_vector<float>() ==
        Floats{0, 1.0f / 3, 1.0f / 3, 1.0f / 3, 0, 0});
  CHECK(gradient([](const Array& x) { return min(x, {0}); }, tied).to_vector<float>() == Floats{1, 0, 0, 0, 1, 1});
}

TEST_CASE_FIXTURE(WithReference, "the gradient of a product is right among zeros, also the second") {
  const auto product = [](const Array& x) { return prod(x, {1}); };
  for (const int64_t n : {1, 2, 3, 5, 6, 7}) {
    INFO(n);
    // 1, 2, ..., n, with none, one or two zeros
    for (int zeros_in = 0; zeros_in <= 2 && zeros_in <= n; ++zeros_in) {
      Doubles values;
      for (int64_t i = 0; i < n; ++i) values.push_back(i < zeros_in ? 0.0 : static_cast<double>(i + 1));
      Doubles first, second;
      for (size_t i = 0; i < values.size(); ++i) {
        double others = 1, row = 0;
        for (size_t j = 0; j < values.size(); ++j) others *= j == i ? 1 : values[j];
        for (size_t j = 0; j < values.size(); ++j) {
          double rest = j == i ? 0 : 1;
          for (size_t k = 0; k < values.size(); ++k) rest *= k == i || k == j ? 1 : values[k];
          row += rest;
        }
        first.push_back(others);
        second.push_back(row);
      }
      const Array x = array<double>(values, {1, n});
      CHECK(gradient(product, x).to_vector<double>() == first);
      CHECK(gradient([&](const Array& y) { return gradient(product, y); }, x).to_vector<double>() == second);
    }
  }
  const Array cube = array<double>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  CHECK(gradient([](const Array& x) { return prod(x, {0, 2}); }, cube).to_vector<double>() ==
        Doubles{60, 30, 224, 168, 12, 10, 96, 84});
  CHECK(gradient([](const Array& x) { return prod(x, {0}); }, zeros({0, 2})).shape() == Shape{0, 2});
}

TEST_CASE_FIXTURE(WithReference, "logsumexp neither overflows nor loses a masked row") {
  const auto lse = [](const Array& x) { return logsumexp(x, {1}); };
  const Array x = array<double>({1000, 1000, -1000, std::log(2.0) - 1000}, {2, 2});
  const Doubles got = lse(x).to_vector<double>();
  CHECK(got[0] == doctest::Approx(1000 + std::log(2.0)).epsilon(1e-15));
  CHECK(got[1] == doctest::Approx(-1000 + std::log(3.0)).epsilon(1e-15));
  const Doubles softmax = gradient(lse, x).to_vector<double>();
  CHECK(softmax[0] == doctest::Approx(0.5));
  CHECK(softmax[2] == doctest::Approx(1.0 / 3));
  CHECK(softmax[3] == doctest::Approx(2.0 / 3));

  const Array masked = array<float>({-inf, 0, -inf, -inf}, {2, 2});
  CHECK(lse(masked).to_vector<float>() == Floats{0, -inf});
  CHECK(gradient(lse, masked).to_vector<float>() == Floats{0, 1, 0, 0});
  CHECK(logsumexp(array<float>({inf, 1}, {2})).item<float>() == inf);
  CHECK(std::isnan(logsumexp(array<float>({nan, 1}, {2})).item<float>()));
  CHECK(logsumexp(masked, {0}, true).shape() == Shape{1, 2});

  // the Hessian of logsumexp is diag(p) - p p^T: its rows sum to zero, and d2/dx0^2 = p0 (1 - p0)
  const auto first_slope = [&](const Array& y) { return gradient(lse, y) * array<double>({1, 0}, {1, 2}); };
  const Doubles hessian = gradient(first_slope, array<double>({0, std::log(3.0)}, {1, 2})).to_vector<double>();
  CHECK(hessian[0] == doctest::Approx(0.1875));
  CHECK(hessian[1] == doctest::Approx(-0.1875));
}

TEST_CASE_FIXTURE(WithReference, "errors of reductions name the function that was called") {
  const Array x = table();
  CHECK(error_of([&] { sum(zeros({2}, DType::boolean)); }) == "sum: expected f32, f64, i32 or u32, got bool[2]");
  CHECK(error_of([&] { any(x); }) == "any: expected bool, got f32[2,3]");
  CHECK(error_of([&] { mean(zeros({2}, DType::i32)); }) == "mean: expected f32 or f64, got i32[2]");
  CHECK(error_of([&] { sum(x, {0, -2}); }) == "sum: expected distinct axes, got [0,-2]");
  CHECK(error_of([&] { max(x, {2}); }).substr(0, 5) == "max: ");
  CHECK(error_of([&] { sort({x, zeros({3, 2})}, 0); }) == "sort: expected arrays of one shape, got f32[2,3] and f32[3,2]");
  CHECK(error_of([&] { sort(Arrays{}, 0); }) == "sort: expected at least one array, got none");
  CHECK(error_of([&] { sort({zeros({2}, DType::boolean)}, 0); }) == "sort: expected f32, f64, i32 or u32, got bool[2]");
}

}  // namespace nnx::test
