// The synthetic reader: a table that is a function of its seed, with targets that follow from the features.
#include "data/synthetic.h"

#include <cmath>
#include <cstring>

#include "base/threefry.h"
#include "config/parse.h"
#include "data/builtin.h"
#include "helpers.h"

using namespace nnx;

namespace {

bool same_bytes(const Buffer& a, const Buffer& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("synthetic: features are the uniform numbers of the seed's first key") {
  const Dataset data = make_synthetic({.rows = 50, .features = 20, .classes = 3, .seed = 7});
  const nnx::RandomKey key = split_key(random_key(7), 0);
  double sum = 0;
  for (int64_t r = 0; r < 50; ++r) {
    for (int64_t j = 0; j < 20; ++j) {
      const float x = data.feature_row(r)[static_cast<size_t>(j)];
      // The top 23 bits over 2^23, exactly.
      CHECK(x == std::ldexp(static_cast<float>(random_bits(key, static_cast<uint64_t>(r * 20 + j)) >> 9), -23));
      sum += static_cast<double>(x);
    }
  }
  CHECK(sum / 1000 == doctest::Approx(0.5).epsilon(0.05));
}

TEST_CASE("synthetic: same seed, same bytes; another seed, other bytes; a cut of the table is a cut") {
  const SyntheticOptions options{.rows = 64, .features = 8, .classes = 4, .seed = 1};
  const Dataset a = make_synthetic(options), b = make_synthetic(options);
  CHECK(same_bytes(*a.features, *b.features));
  CHECK(same_bytes(*a.targets, *b.targets));
  CHECK(a.sources[0].same_content(b.sources[0]));
  SyntheticOptions other = options;
  other.seed = 2;
  CHECK_FALSE(same_bytes(*a.features, *make_synthetic(other).features));
  CHECK_FALSE(a.sources[0].same_content(make_synthetic(other).sources[0]));
  SyntheticOptions tail = options;
  tail.first_row = 40;
  tail.rows = 24;
  const Dataset c = make_synthetic(tail, &a.schema);
  for (int64_t r = 0; r < 24; ++r) {
    CHECK(c.label(r) == a.label(r + 40));
    CHECK(c.feature_row(r)[3] == a.feature_row(r + 40)[3]);
  }
}

TEST_CASE("synthetic: every class occurs, and a linear map of the features gives the targets") {
  const Dataset labels = make_synthetic({.rows = 500, .features = 16, .classes = 5});
  std::vector<int> count(5);
  for (int64_t r = 0; r < labels.rows; ++r) ++count.at(static_cast<size_t>(labels.label(r)));
  for (const int n : count) CHECK(n > 10);

  // With two features the map can be solved for from two rows, and must predict every other row.
  const Dataset numbers = make_synthetic({.rows = 40, .features = 2, .targets = 1, .seed = 3});
  CHECK(numbers.schema.target_names == std::vector<std::string>{"y0"});
  const auto x = [&](int64_t r, size_t j) { return static_cast<double>(numbers.feature_row(r)[j]) - 0.5; };
  const auto y = [&](int64_t r) { return static_cast<double>(numbers.target_row(r)[0]); };
  const double det = x(0, 0) * x(1, 1) - x(0, 1) * x(1, 0);
  const double w0 = (y(0) * x(1, 1) - y(1) * x(0, 1)) / det, w1 = (x(0, 0) * y(1) - x(1, 0) * y(0)) / det;
  for (int64_t r = 2; r < 40; ++r) CHECK(y(r) == doctest::Approx(w0 * x(r, 0) + w1 * x(r, 1)).epsilon(1e-4));
}

TEST_CASE("synthetic: options that do not fit are refused") {
  const test::Folder folder;
  const auto refusal = [&](const std::string& text, const DataSchema* like = nullptr) {
    return test::error_of(ErrorKind::config, folder, [&] {
      Diagnostics diagnostics;
      dataset_readers().build(parse_yaml(text, "c.yaml"), diagnostics, folder.path, like);
    });
  };
  CHECK(refusal("{type: synthetic, rows: 2, features: 3}").find("either classes or targets, got neither") !=
        std::string::npos);
  CHECK(refusal("{type: synthetic, rows: 2, features: 3, classes: 2, targets: 1}").find("got both") !=
        std::string::npos);
  CHECK(refusal("{type: synthetic, rows: 0, features: 3, classes: 2}").find("rows: expected") != std::string::npos);
  CHECK(refusal("{type: synthetic, rows: 100000000, features: 1000000, classes: 2}").find("rows x features") !=
        std::string::npos);
  CHECK(refusal("{type: synthetic, rows: 2, features: 6, classes: 2, shape: [2, 2]}").find("shape") !=
        std::string::npos);
  const Dataset train = make_synthetic({.rows = 2, .features = 3, .classes = 2});
  CHECK(refusal("{type: synthetic, rows: 2, features: 4, classes: 2}", &train.schema)
            .find("3, as in the training set, got 4") != std::string::npos);
}
