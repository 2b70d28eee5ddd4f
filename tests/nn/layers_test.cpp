// Layers by their own rules: keys drawn, initial values, state, errors, registry.
#include <doctest/doctest.h>

#include "config/parse.h"
#include "config/write.h"
#include "nn/activation.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/lora.h"
#include "nn/losses.h"
#include "nn/sequential.h"
#include "ops/ops.h"
#include "support/errors.h"
#include "support/golden.h"
#include "support/guide_mlp.h"
#include "transform/vmap.h"

using namespace nnx;
using namespace nnx::test;

TEST_CASE("the guide's MLP draws Flax's keys and weights") {
  Rngs rngs(0);
  auto model = make<MLP>(2, 16, 5, rngs);
  CHECK(rngs.stream("default")->count.get().item<uint32_t>() == 7);
  const auto stream = model->dropout->rngs;
  CHECK(stream->key.get().to_vector<uint32_t>() == std::vector<uint32_t>{4146024105u, 2718843009u});   // flax-census 5.6
  CHECK(stream->count.get().item<uint32_t>() == 0);
  const auto kernel = model->linear2->kernel.get().to_vector<float>();
  const float want[] = {.1717925f, .08656525f, .33343452f, .36170006f};
  for (size_t i = 0; i < 4; ++i) CHECK(kernel[i] == doctest::Approx(want[i]).epsilon(1e-6));
  (*model)(ones({3, 2}));
  CHECK(stream->count.get().item<uint32_t>() == 1);
  eval(model);
  (*model)(ones({3, 2}));
  CHECK(stream->count.get().item<uint32_t>() == 1);
}

TEST_CASE("initializers give JAX's values") {
  const std::map<std::string, Initializer> all = {
      {"lecun_normal", lecun_normal()}, {"lecun_uniform", lecun_uniform()}, {"glorot_normal", glorot_normal()},
      {"glorot_uniform", glorot_uniform()}, {"he_normal", he_normal()}, {"he_uniform", he_uniform()}};
  int checked = 0;
  for (const KnownAnswer& a : known_answers("initializer")) {
    const std::string name = a.args.text("initializer");
    if (!all.contains(name)) continue;
    CAPTURE(a.name);
    const Array key = random::key(static_cast<uint64_t>(a.args.integer("seed")));
    const std::vector<float> got = all.at(name)(key, Shape(a.answer.shape)).to_vector<float>();
    CHECK(worst_ulps(got, a.answer) <= 2);
    ++checked;
  }
  CHECK(checked >= 4);
}

TEST_CASE("orthogonal matrices are orthonormal, tall and wide") {
  for (const Shape& shape : {Shape{5, 3}, Shape{3, 5}, Shape{2, 3, 4}}) {
    const Array q = orthogonal()(random::key(1), shape);
    CHECK(q.shape() == shape);
    const Array m = reshape(q, {shape.size() / shape.back(), shape.back()});
    const bool tall = m.dim(0) >= m.dim(1);
    const std::vector<float> gram = (tall ? matmul(transpose(m), m) : matmul(m, transpose(m))).to_vector<float>();
    const size_t n = static_cast<size_t>(std::min(m.dim(0), m.dim(1)));
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) CHECK(std::abs(gram[i * n + j] - (i == j ? 1.0f : 0.0f)) < 1e-5f);
  }
  CHECK(delta_orthogonal()(random::key(1), {3, 3, 2, 4}).shape() == Shape{3, 3, 2, 4});
  CHECK(error_of([] { lecun_normal()(random::key(0), {4}); }).starts_with("initializer: expected at least two axes"));
}

TEST_CASE("orthogonal matrices of a batch of keys are those of each key") {
  const Graph one = trace({{DType::u32, {2}}}, [](std::span<const Array> key) {
                      return Arrays{orthogonal(2)(key[0], {4, 3})};
                    }).graph;
  const Array all = nnx::apply(vmap(one, {true}, 3), Arrays{random::split(random::key(7), 3)})[0];
  for (int64_t k = 0; k < 3; ++k) {
    const Array alone = orthogonal(2)(index_axis(random::split(random::key(7), 3), 0, k), {4, 3});
    const std::vector<float> got = index_axis(all, 0, k).to_vector<float>(), expected = alone.to_vector<float>();
    for (size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - expected[i]) < 1e-6f);
  }
}

TEST_CASE("normalisation micro-values") {   // flax-census 15.1
  Rngs rngs(0);
  auto bn = make<BatchNorm>(2, rngs);
  const Array rows = array<float>({1, 2, 3, 6}, {2, 2});
  const std::vector<float> out = (*bn)(rows).to_vector<float>();
  CHECK(out[0] == doctest::Approx(-.999995).epsilon(1e-6));
  CHECK(out[1] == doctest::Approx(-.99999875).epsilon(1e-6));
  CHECK(bn->mean.get().to_vector<float>()[1] == doctest::Approx(.04).epsilon(1e-5));
  CHECK(bn->var.get().to_vector<float>()[1] == doctest::Approx(1.03).epsilon(1e-6));
  eval(bn);
  const std::vector<float> later = (*bn)(rows).to_vector<float>();
  CHECK(later[0] == doctest::Approx(.97999510).epsilon(1e-6));
  CHECK(later[3] == doctest::Approx(5.87253399).epsilon(1e-6));
  auto ln = make<LayerNorm>(4, rngs);
  const std::vector<float> normed = (*ln)(array<float>({1, 2, 3, 4}, {4})).to_vector<float>();
  CHECK(normed[0] == doctest::Approx(-1.34164025).epsilon(1e-6));
  CHECK(normed[2] == doctest::Approx(.44721342).epsilon(1e-6));
}

TEST_CASE("dropout: rates 0 and 1, expectation, and no stream") {
  Rngs rngs(0);
  const Array x = ones({1000});
  CHECK((*make<Dropout>(0.0, rngs))(x).to_vector<float>() == std::vector<float>(1000, 1.0f));
  CHECK((*make<Dropout>(1.0, rngs))(x).to_vector<float>() == std::vector<float>(1000, 0.0f));
  auto half = make<Dropout>(0.5, rngs);
  const Array y = (*half)(x);
  const float kept = sum(y).item<float>() / 2;
  CHECK(kept > 430);
  CHECK(kept < 570);
  const auto gradient = grad<1>([](Ref<Dropout> d, Array v) { return sum((*d)(v)); })(make<Dropout>(1.0, rngs), x);
  CHECK(gradient.to_vector<float>() == std::vector<float>(1000, 0.0f));
  CHECK(error_of([&] { (*make<Dropout>(0.5))(x); }) ==
        "Dropout: `deterministic` is False, but no `rngs` argument was provided to Dropout");
  CHECK((*make<Dropout>(0.5))(x, true).to_vector<float>() == x.to_vector<float>());
}

TEST_CASE("a LoRA in the place of a Linear changes nothing at first and keeps its Variables") {
  Rngs rngs(0);
  auto base = make<Linear>(3, 4, rngs);
  auto lora = make<LoRALinear>(base, 2, rngs);
  const Array x = ones({2, 3});
  CHECK((*lora)(x).to_vector<float>() == (*base)(x).to_vector<float>());
  CHECK(lora->kernel.same(base->kernel));
  auto [def, adapters, params] = split(lora, of<LoRAParam>, of<Param>);
  CHECK(adapters.paths() == std::vector<std::string>{"lora.lora_a", "lora.lora_b"});
  CHECK(params.paths() == std::vector<std::string>{"bias", "kernel"});
  auto [def2, all, none] = split(lora, of<Param>, of<LoRAParam>);
  CHECK(all.size() == 4);
  CHECK(none.empty());
}

TEST_CASE("Sequential: named paths, round trip, tuples and maps between layers") {
  Rngs rngs(0);
  auto model = make<Sequential>(std::vector<std::pair<std::string, Ref<Layer>>>{{"a", make<Linear>(2, 3, rngs)}, {"act", make<Activation>("relu")}});
  auto [def, state] = split(model);
  CHECK(state.paths() == std::vector<std::string>{"a.bias", "a.kernel"});
  auto copy = merge<Sequential>(def, state);
  CHECK((*copy)(ones({1, 2})).to_vector<float>() == (*model)(ones({1, 2})).to_vector<float>());
  auto list = make<Sequential>(std::vector<Ref<Layer>>{make<Linear>(2, 3, rngs)});
  CHECK(nnx::state(list).paths() == std::vector<std::string>{"layers.0.bias", "layers.0.kernel"});
  auto empty = make<Sequential>();
  CHECK(empty->call({12}).as<int64_t>() == 12);                        // flax-census 13 #65
  CHECK(empty->call({12, 23}).as<CallValue::List>().size() == 2);
  CHECK(empty->call({}).empty());
  CHECK(empty->call({}, {{"k", 2}}).as<CallValue::Map>().at("k").as<int64_t>() == 2);
  CHECK(error_of([&] { make<Sequential>(std::vector<std::pair<std::string, Ref<Layer>>>{{"1a", make<Activation>("relu")}}); }).starts_with("Sequential: expected a layer name"));
}

TEST_CASE("shapes that do not fit say what was expected") {
  Rngs rngs(0);
  CHECK(error_of([&] { (*make<Linear>(3, 4, rngs))(ones({2, 5})); }) == "Linear: expected an input with last axis 3, got f32[2,5]");
  CHECK(error_of([&] { (*make<BatchNorm>(3, rngs))(ones({2, 5})); }) == "BatchNorm: expected an input with last axis 3, got f32[2,5]");
  CHECK(error_of([] { make<Activation>("rlu"); }) == "Activation: expected the name of an activation, got 'rlu'; did you mean 'relu'?");
}

TEST_CASE("every registered layer is documented, builds from its required options and comes back from split") {
  const std::map<std::string, std::string> required = {
      {"Linear", "in_features: 4, out_features: 3"}, {"TransposedLinear", "in_features: 4, out_features: 3"}, {"Dropout", "rate: 0.5"}, {"BatchNorm", "num_features: 4"},
      {"LayerNorm", "num_features: 4"}, {"LoRA", "in_features: 4, lora_rank: 2, out_features: 3"},
      {"LoRALinear", "in_features: 4, out_features: 3, lora_rank: 2"}, {"Sequential", "layers: {a: relu}"},
      {"Scan", "length: 2, layer: {type: Linear, in_features: 4, out_features: 4}"}, {"Remat", "layer: relu"}};
  for (const ComponentDoc& doc : layers().components()) {
    CAPTURE(doc.name);
    CHECK(!doc.help.empty());
    for (const FieldDoc& field : doc.fields) CHECK(!field.help.empty());
    const std::string arguments = required.contains(doc.name) ? ", " + required.at(doc.name) : "";
    Diagnostics diagnostics;
    Rngs rngs(0);
    const ConfigNode node = parse_yaml("{type: " + doc.name + arguments + "}\n", "test.yaml");
    const Ref<Layer> layer = layers().build(node, diagnostics, rngs);
    CHECK((*layer)(ones({2, 4})).dim(0) == 2);
    auto [def, state] = split(layer);
    auto [def2, state2] = split(merge<Layer>(def, state));
    CHECK(def == def2);
    CHECK(state.paths() == state2.paths());
  }
}
