// Normalization: formulas against numbers worked by hand, sharing, and refusals.
#include "data/normalize.h"

#include <cmath>

#include "helpers.h"

using namespace nnx;

namespace {

// Two features of three rows: 0 2 4 (mean 2, variance 8/3) and 1 1 1.
Dataset small() {
  Dataset data = test::numbered_rows(3, 2);
  float* x = data.features->as<float>();
  for (int i = 0; i < 3; ++i) x[2 * i] = static_cast<float>(2 * i), x[2 * i + 1] = 1.0f;
  return data;
}

}  // namespace

TEST_CASE("normalization: scale, mean and std") {
  const Normalization scale = make_normalization({.scale = 0.0625}, small());
  CHECK(normalized(small(), scale).feature_row(2)[0] == 0.25f);
  const Normalization n = make_normalization({.mean = {2, 1}, .std = {4}}, small());
  const Dataset data = normalized(small(), n);
  CHECK(data.feature_row(0)[0] == -0.5f);
  CHECK(data.feature_row(2)[0] == 0.5f);
  CHECK(data.feature_row(2)[1] == 0.0f);
  CHECK(make_normalization({}, small()).is_identity());
}

TEST_CASE("normalization: standardize per feature and over all") {
  const Normalization n = make_normalization({.standardize = true}, small());
  CHECK(n.shift == std::vector<double>{2, 1});
  CHECK(n.scale[0] == doctest::Approx(std::sqrt(3.0 / 8)).epsilon(1e-15));
  CHECK(n.scale[1] == 1);  // constant: only centred
  const Normalization all = make_normalization({.standardize = true, .per_feature = false}, small());
  REQUIRE(all.shift.size() == 1);
  CHECK(all.shift[0] == doctest::Approx(1.5).epsilon(1e-15));  // of 0 1 2 1 4 1, population variance 19/12
  CHECK(all.scale[0] == doctest::Approx(std::sqrt(12.0 / 19)).epsilon(1e-14));
}

TEST_CASE("normalization leaves features that others hold as they are") {
  const Dataset raw = small();
  const Dataset scaled = normalized(raw, {.shift = {1}, .scale = {2}});
  CHECK(raw.feature_row(2)[0] == 4.0f);
  CHECK(scaled.feature_row(2)[0] == 6.0f);
  const int64_t before = Buffer::allocations();
  Dataset own = small();
  normalized(std::move(own), {.shift = {1}, .scale = {2}});
  CHECK(Buffer::allocations() == before + 2);  // those of small()
}

TEST_CASE("normalization refuses what does not fit") {
  const test::Folder none;
  const auto refusal = [&](const NormalizeOptions& o) {
    return test::error_of(ErrorKind::config, none, [&] { make_normalization(o, small()); });
  };
  CHECK(refusal({.std = {0}}) == "normalize: std: expected numbers above 0, got 0");
  CHECK(refusal({.scale = -1}) == "normalize: scale: expected numbers above 0, got -1");
  CHECK(refusal({.mean = {1, 2, 3}}) == "normalize: mean: expected one number or 2, one a feature, got 3");
  CHECK(refusal({.mean = {INFINITY}}) == "normalize: mean: expected finite numbers, got inf");
  CHECK(refusal({.scale = 2, .standardize = true}) ==
        "normalize: standardize takes mean and std from the training rows; leave scale, mean and std out");
  std::vector<float> row(3);
  CHECK(test::error_of(ErrorKind::shape, none, [&] {
          Normalization{.shift = {1, 2}, .scale = {1}}.apply(row, 3);
        }) == "normalization: expected rows of 2 features, got 3 numbers in rows of 3");
}
