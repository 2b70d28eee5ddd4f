// Scan and Remat as layers: the same as what they stand for.
#include "nn/scan.h"

#include <doctest/doctest.h>

#include "config/parse.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "nn/remat.h"
#include "nn/sequential.h"
#include "nnx/probe.h"

using namespace nnx;

namespace {

Ref<Layer> block(Rngs& rngs) {
  auto linear = make<Linear>(4, 4, rngs);
  BatchNormOptions options;
  options.num_features = 4;
  auto bn = make<BatchNorm>(options, rngs);
  auto dropout = make<Dropout>(0.5, rngs);
  return make<Sequential>(std::vector<std::pair<std::string, Ref<Layer>>>{{"linear", linear}, {"bn", bn}, {"dropout", dropout}});
}

Ref<Scan> stack(int64_t length, int64_t unroll = 1) {
  Rngs rngs(3);
  return make<Scan>(make_stack(block, length, rngs), length, unroll);
}

// Layer i of a stack, with values of its own.
Ref<Layer> layer_of(const Ref<Scan>& scan, int64_t i) {
  auto [def, values] = split(scan->layer);
  return merge<Layer>(def, values.map([&](const Path&, const Array& v) { return index_axis(v, 0, i); }));
}

void check_same(const Array& a, const Array& b) {
  REQUIRE(a.type() == b.type());
  const auto values = a.to_vector<float>(), expected = b.to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i) CHECK(values[i] == doctest::Approx(expected[i]).epsilon(1e-5));
}

const Array x = random::normal(random::key(7), {6, 4});

}  // namespace

TEST_CASE("a Scan is its layers one after the other, and keeps the state of each") {
  for (const int64_t length : {1, 3}) {
    const auto scan = stack(length);
    CHECK(state(scan)["layer.linear.kernel"].shape() == Shape{length, 4, 4});
    std::vector<Ref<Layer>> layers;
    for (int64_t i = 0; i < length; ++i) layers.push_back(layer_of(scan, i));
    Array expected = x;
    for (const Ref<Layer>& layer : layers) expected = layer(expected);
    check_same(scan(x), expected);
    for (int64_t i = 0; i < length; ++i) {
      const auto& layer = layers[static_cast<size_t>(i)];
      check_same(index_axis(state(scan)["layer.bn.mean"], 0, i), state(layer)["bn.mean"]);
      CHECK(state(scan)["layer.dropout.rngs.count"].to_vector<uint32_t>()[static_cast<size_t>(i)] == 1);
    }
  }
}

TEST_CASE("the layers of a Scan begin with values of their own, the same for the same seed") {
  const auto a = stack(3), b = stack(3);
  const auto kernel = state(a)["layer.linear.kernel"].to_vector<float>();
  CHECK(kernel == state(b)["layer.linear.kernel"].to_vector<float>());
  CHECK(kernel[0] != kernel[16]);
}

TEST_CASE("unrolling a Scan changes nothing but the loop") {
  check_same(stack(5, 2)(x), stack(5)(x));
}

TEST_CASE("gradients through a Scan of Remats are those of the Scan alone") {
  const auto loss = [](Ref<Scan> m) { return sum(square(m(x))); };
  const auto plain = stack(3), kept = stack(3);
  kept->layer = make<Remat>(kept->layer);
  auto [value, grads] = value_and_grad(loss)(plain);
  auto [same_value, same_grads] = value_and_grad(loss)(kept);
  check_same(same_value, value);
  REQUIRE(same_grads.size() == grads.size());
  for (const auto& [path, leaf] : grads) {
    Path inside{"layer"};
    inside.insert(inside.end(), path.begin(), path.end());
    check_same(same_grads.at(inside).value, leaf.value);
  }
}

TEST_CASE("a table counts a loop whole, and shows what goes through its layers") {
  const auto scan = stack(3);
  const auto calls = record_calls(*scan, {x});
  CHECK(calls.at(".").flops > 3 * 2.0 * 6 * 4 * 4);            // three products of [6,4] and [4,4], and what is around them
  CHECK(calls.at("layer.linear").inputs == std::vector<Type>{x.type()});
}

TEST_CASE("a layer that changes the shape cannot be scanned, and the error names the carry") {
  Rngs rngs(0);
  const auto wide = [](Rngs& streams) -> Ref<Layer> { return make<Linear>(4, 5, streams); };
  const auto scan = make<Scan>(make_stack(wide, 2, rngs), 2);
  CHECK_THROWS_AS(scan(x), Error);
}

TEST_CASE("a Scan in YAML has its keys and its mistakes reported like any layer") {
  Diagnostics diagnostics;
  Rngs rngs(0);
  const std::string text = "{type: Scan, length: 2, layer: {type: Linear, in_features: 3, out_features: 3}}";
  const auto model = layers().build(parse_yaml(text, "m.yaml"), diagnostics, rngs);
  CHECK(state(model).paths() == std::vector<std::string>{"layer.bias", "layer.kernel"});
  CHECK(rngs.stream("default")->count.get().item<uint32_t>() == 1);
  CHECK_THROWS_AS(layers().build(parse_yaml("{type: Scan, length: 0, layer: {type: Linaer}}", "m.yaml"), diagnostics, rngs), ConfigError);
  CHECK(diagnostics.count() >= 1);
}
