// The loader reads every golden file, the comparisons can fail, and the host's threefry agrees with the known answers.
#include "support/golden.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/threefry.h"

namespace nnx::test {
namespace {

void check_size(const GoldenArray& a) {
  const int64_t n = std::accumulate(a.shape.begin(), a.shape.end(), int64_t{1}, std::multiplies<>());
  CHECK(static_cast<int64_t>(a.values.size()) == n);
  CHECK((a.bits.empty() || a.bits.size() == a.values.size()));
}

std::vector<uint32_t> words(RandomKey key) { return {key.hi, key.lo}; }

}  // namespace

TEST_CASE("every layer case is whole: shapes fit, and each parameter has a gradient of its own shape") {
  std::set<std::string> names;
  for (const GoldenCase& c : golden_layers()) {
    CAPTURE(c.name);
    CHECK(names.insert(c.name).second);
    check_size(c.output);
    CHECK(c.cotangent.shape == c.output.shape);
    for (const auto& [name, array] : c.inputs) check_size(array);
    for (const auto& [name, array] : c.params) {
      check_size(array);
      REQUIRE(c.grads.contains(name));
      CHECK(c.grads.at(name).shape == array.shape);
    }
    for (const auto& [name, array] : c.state) CHECK(c.new_state.at(name).shape == array.shape);
  }
  CHECK(names.size() >= 80);
  CHECK(golden_layers("Linear").size() == 4);
  CHECK(golden_layer("linear").args.integer("in_features") == 3);
}

TEST_CASE("inputs and parameters are exact in float32") {
  for (const GoldenCase& c : golden_layers())
    for (const GoldenArrays* arrays : {&c.inputs, &c.params, &c.state})
      for (const auto& [name, array] : *arrays)
        for (const double v : array.values) CHECK(static_cast<double>(static_cast<float>(v)) == v);
}

TEST_CASE("the training runs learn, and float32 follows float64") {
  const GoldenTraining& training = golden_training();
  CHECK(training.batches.size() == 5);
  for (const GoldenRun& run : training.runs) {
    CAPTURE(run.name);
    CHECK(static_cast<int64_t>(run.losses.size()) == run.steps);
    CHECK(run.losses.back() < run.losses.front());
    CHECK(mismatch(run.losses_f32, {.shape = {run.steps}, .dtype = "f64", .values = run.losses, .bits = {}}) == "");
    CHECK(run.final_params.size() == training.initial_params.size());
  }
  CHECK(training.run("adam").optimizer.number("learning_rate") == 0.01);
  CHECK(training.run("sgd_cosine").optimizer.text("learning_rate.type") == "cosine");
}

TEST_CASE("known answers: bits and values of a float32 agree") {
  for (const KnownAnswer& k : known_answers()) {
    CAPTURE(k.name);
    check_size(k.answer);
    for (size_t i = 0; i < k.answer.bits.size(); ++i)
      CHECK(std::bit_cast<uint32_t>(static_cast<float>(k.answer.values[i])) == k.answer.bits[i]);
  }
  CHECK(known_answer("uniform(key(0), (5,))").published);
}

TEST_CASE("threefry, keys and bits are JAX's") {
  for (const KnownAnswer& k : known_answers("threefry2x32")) {
    const auto key = k.args.numbers("key"), counter = k.args.numbers("counter");
    const RandomKey got = threefry2x32({static_cast<uint32_t>(key[0]), static_cast<uint32_t>(key[1])},
                                 static_cast<uint32_t>(counter[0]), static_cast<uint32_t>(counter[1]));
    CHECK(words(got) == k.answer.as<uint32_t>());
  }
  for (const KnownAnswer& k : known_answers("fold_in")) {
    const RandomKey key = random_key(static_cast<uint64_t>(k.args.integer("seed")));
    CHECK(words(fold_in(key, static_cast<uint32_t>(k.args.number("data")))) == k.answer.as<uint32_t>());
  }
  for (const KnownAnswer& k : known_answers("bits")) {
    const RandomKey key = random_key(static_cast<uint64_t>(k.args.integer("seed")));
    const auto want = k.answer.as<uint32_t>();
    for (size_t i = 0; i < want.size(); ++i) CHECK(random_bits(key, i) == want[i]);
  }
}

TEST_CASE("comparisons fail when they should") {
  const GoldenArray want{.shape = {3}, .dtype = "f32", .values = {1, -2, 100}, .bits = {}};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(mismatch(std::vector<float>{1, -2, 100}, want) == "");
  CHECK(mismatch(std::vector<float>{1.0009f, -2, 100}, want) == "");
  CHECK(mismatch(std::vector<double>{1.002, -2, 100}, want) ==
        "element 0: expected 1, got 1.002, off by 0.002 where 0.001 is allowed");
  CHECK(mismatch(std::vector<float>{1, nan, 100}, want) != "");
  CHECK(mismatch(std::vector<float>{1, nan, 200}, want) != "");
  CHECK(mismatch(std::vector<float>{1, -2}, want) == "expected 3 elements, got 2");

  CHECK(ulps(1.0f, 1.0f) == 0);
  CHECK(ulps(0.0f, -0.0f) == 0);
  CHECK(ulps(1.0f, std::nextafter(1.0f, 2.0f)) == 1);
  CHECK(ulps(-std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::denorm_min()) == 2);
  CHECK(ulps(nan, nan) > 1000);
  CHECK(worst_ulps(std::vector<float>{1, -2, std::nextafter(100.0f, 0.0f)}, want) == 1);
  CHECK(worst_ulps(std::vector<float>{1}, want) > 1000);
}

TEST_CASE("what is not there is named") {
  CHECK_THROWS_WITH_AS(golden_layer("linaer"), "tests/golden/layers.json: has no 'linaer'", Error);
  CHECK_THROWS_WITH_AS(golden_layer("linear").args.text("shape"), "tests/golden/*.json: has no 'argument shape'",
                       Error);
}

}  // namespace nnx::test
