// The generator and its samplers against JAX's numbers: tests/golden/known_answers.json, and a few printed here.
#include "ops/random.h"

#include "graph/trace.h"
#include "ops/families.h"
#include "ops/shape.h"
#include "ops/values.h"
#include "support/golden.h"

namespace nnx::test {
namespace {

Array key_of(const KnownAnswer& c) {
  if (!c.args.has("key")) return random::key(static_cast<uint64_t>(c.args.integer("seed")));
  const std::vector<double>& words = c.args.numbers("key");
  return array<uint32_t>({static_cast<uint32_t>(words[0]), static_cast<uint32_t>(words[1])}, {2});
}

// Runs `draw` on every known answer of a topic; integers and bools must be equal, floats within `ulps` units.
void check_topic(const std::string& topic, int64_t max_ulps, const std::function<Array(const KnownAnswer&)>& draw) {
  for (const KnownAnswer& c : known_answers(topic)) {
    INFO(c.name);
    const Array got = draw(c);
    CHECK(got.shape() == Shape(c.answer.shape));
    if (got.dtype() == DType::f32) CHECK(worst_ulps(got.to_vector<float>(), c.answer) <= max_ulps);
    else CHECK(to_doubles(got) == c.answer.values);
  }
}

Shape shape_of(const KnownAnswer& c) { return Shape(c.answer.shape); }

TEST_CASE_FIXTURE(WithReference, "keys") {
  check_topic("threefry2x32", 0, [](const KnownAnswer& c) {
    const std::vector<double>& counter = c.args.numbers("counter");
    const Array key = key_of(c);
    const Array x0 = full({}, counter[0], DType::u32), x1 = full({}, counter[1], DType::u32);
    return stack(emit(op_named("threefry2x32"), {}, Arrays{index_axis(key, 0, 0), index_axis(key, 0, 1), x0, x1}));
  });
  check_topic("key", 0, key_of);
  check_values(random::key((uint64_t{1} << 40) + 7), {2}, {256, 7});
  check_values(random::key(static_cast<uint64_t>(-1)), {2}, {4294967295, 4294967295});
  check_topic("fold_in", 0, [](const KnownAnswer& c) {
    return random::fold_in(key_of(c), static_cast<uint32_t>(c.args.integer("data")));
  });
  check_values(random::fold_in(random::key(0), i32({-1}, {})), {2}, {743310391, 3789761811});
  check_topic("split", 0, [](const KnownAnswer& c) { return random::split(key_of(c), c.args.integer("n")); });
  const Array grid = random::split(random::key(1701), Shape{7, 1});
  CHECK(grid.shape() == Shape{7, 1, 2});
  CHECK(to_doubles(grid) == known_answer("split(key(1701), 7)").answer.values);
}

TEST_CASE_FIXTURE(WithReference, "bits and integers are JAX's") {
  check_topic("bits", 0, [](const KnownAnswer& c) { return random::bits(key_of(c), shape_of(c)); });
  const auto randint = [](const KnownAnswer& c) {
    return random::randint(key_of(c), shape_of(c), c.args.integer("minval"), c.args.integer("maxval"));
  };
  check_topic("randint", 0, randint);
  check_topic("randint_key", 0, randint);
  check_values(random::randint(random::key(5), {3}, INT32_MIN, INT32_MAX), {3},
               {-1787507967, -1163020224, -1664956169});
  check_topic("permutation", 0,
              [](const KnownAnswer& c) { return random::permutation(key_of(c), c.args.integer("n")); });
  check_values(random::permutation(random::key(0), 0), {0}, {});
  check_topic("bernoulli", 0,
              [](const KnownAnswer& c) { return random::bernoulli(key_of(c), c.args.number("p"), shape_of(c)); });
  const Array p = array<float>({0.5f, 0.5f}, {2, 1});
  check_values(random::bernoulli(random::key(0), p, {2, 5}), {2, 5}, {0, 0, 1, 1, 0, 1, 1, 0, 0, 1});
}

TEST_CASE_FIXTURE(WithReference, "floats are JAX's") {
  check_topic("uniform", 0, [](const KnownAnswer& c) {
    const bool bounds = c.args.has("minval");
    return random::uniform(key_of(c), shape_of(c), bounds ? c.args.number("minval") : 0,
                           bounds ? c.args.number("maxval") : 1);
  });
  check_topic("uniform_key", 0, [](const KnownAnswer& c) { return random::uniform(key_of(c), {}); });
  check_topic("normal", 1, [](const KnownAnswer& c) { return random::normal(key_of(c), shape_of(c)); });
  check_topic("truncated_normal", 1, [](const KnownAnswer& c) {
    return random::truncated_normal(key_of(c), c.args.number("lower"), c.args.number("upper"), shape_of(c));
  });
}

TEST_CASE_FIXTURE(WithReference, "f64 draws take the upper 52 of 64 bits") {
  // (b0 << 32 | b1) >> 12 over 2^52, of threefry's words b0 and b1 for key(0)
  check_values(random::uniform(random::key(0), {3}, 0, 1, DType::f64), {3},
               {0.41845711171638644, 0.21629545460551136, 0.9653214611189975});
  const std::vector<double> z = to_doubles(random::normal(random::key(0), {2000}, DType::f64));
  double sum = 0, squares = 0;
  for (const double v : z) sum += v, squares += v * v;
  CHECK(std::abs(sum / 2000) < 0.1);
  CHECK(std::abs(squares / 2000 - 1) < 0.1);
  for (const double v : to_doubles(random::truncated_normal(random::key(1), -1, 0.5, {200}, DType::f64))) {
    CHECK(v > -1);
    CHECK(v < 0.5);
  }
}

TEST_CASE_FIXTURE(WithReference, "an element depends on its key and position only") {
  const Array few = random::normal(random::key(3), {5}), many = random::normal(random::key(3), {4, 25});
  CHECK(few.to_vector<float>() == slice_axis(flatten(many), 0, 0, 5).to_vector<float>());
  // a batch of keys draws what each key draws
  const Array keys = random::split(random::key(9), 3);
  const Function draw = [](std::span<const Array> in) { return random::uniform(in[0], {4}); };
  const Array rows = reference::evaluate(batched(draw, {keys}, {true}, 3), Arrays{keys})[0];
  for (int64_t i = 0; i < 3; ++i)
    CHECK(difference(index_axis(rows, 0, i), random::uniform(index_axis(keys, 0, i), {4}), 0) == "");
  const Function shuffle = [](std::span<const Array> in) { return random::permutation(in[0], 6); };
  const Array orders = reference::evaluate(batched(shuffle, {keys}, {true}, 3), Arrays{keys})[0];
  for (int64_t i = 0; i < 3; ++i)
    CHECK(difference(index_axis(orders, 0, i), random::permutation(index_axis(keys, 0, i), 6), 0) == "");
  const Function derive = [](std::span<const Array> in) { return random::split(random::fold_in(in[0], in[1]), 2); };
  const Array data = i32({4, 5, 6});
  const Array children =
      reference::evaluate(batched(derive, {random::key(0), data}, {false, true}, 3), Arrays{random::key(0), data})[0];
  CHECK(difference(index_axis(children, 0, 1), random::split(random::fold_in(random::key(0), 5), 2), 0) == "");
}

TEST_CASE_FIXTURE(WithReference, "errors of random ops") {
  const Array key = random::key(0);
  CHECK_THROWS_WITH_AS(random::bits(zeros({2}), {3}), "bits: expected a key u32[2], got f32[2]", Error);
  CHECK_THROWS_WITH_AS(random::split(random::split(key), 2), "split: expected a key u32[2], got u32[2,2]", Error);
  CHECK_THROWS_WITH_AS(random::fold_in(key, zeros({})), "fold_in: expected an i32 or u32 scalar, got f32[]", Error);
  CHECK_THROWS_WITH_AS(random::randint(key, {}, 0, int64_t{1} << 31),
                       "randint: expected bounds that are i32, got [0, 2147483648)", Error);
  CHECK_THROWS_WITH_AS(random::normal(key, {}, DType::i32), "normal: expected dtype f32 or f64, got i32", Error);
  CHECK_THROWS_WITH_AS(random::truncated_normal(key, 1, 1, {}), "truncated_normal: expected lower < upper, got 1 and 1",
                       Error);
}

}  // namespace
}  // namespace nnx::test
