// Flax's behaviours of layers in an object graph, numbered as in the list they come from.
#include <doctest/doctest.h>

#include <cmath>

#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/lora.h"
#include "nn/sequential.h"
#include "nn/activation.h"
#include "support/errors.h"

using namespace nnx;
using nnx::test::error_of;

namespace {

struct TwoLinears : Module<TwoLinears, Layer> {
  Ref<Layer> linear1, linear2;
  TwoLinears() = default;
  explicit TwoLinears(Rngs& rngs) : linear1(make<Linear>(2, 3, rngs)), linear2(make<Linear>(3, 4, rngs)) {}
  Array operator()(const Array& x) override { return linear2(linear1(x)); }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("linear2", self.linear2);
  }
};

struct Block : Module<Block, Layer> {
  Ref<Linear> linear;
  Ref<BatchNorm> bn;
  Ref<Dropout> dropout;
  Block() = default;
  explicit Block(Rngs& rngs) : linear(make<Linear>(4, 4, rngs)), bn(make<BatchNorm>(4, rngs)), dropout(make<Dropout>(0.5, rngs)) {}
  Array operator()(const Array& x) override { return dropout(bn(linear(x))); }
  static void fields(auto& self, auto&& f) {
    f("linear", self.linear);
    f("bn", self.bn);
    f("dropout", self.dropout);
  }
};

uint32_t count_of(const Ref<RngStream>& stream) { return stream->count.get().item<uint32_t>(); }
std::vector<float> values(const Array& x) { return x.to_vector<float>(); }

void check_near(const Array& got, const Array& want) {
  REQUIRE(got.shape() == want.shape());
  const std::vector<float> a = values(got), b = values(want);
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
}

}  // namespace

TEST_CASE("census 16: recursive_map turns the Linears of a Sequential into LoRAs, still three layers") {
  Rngs rngs(0);
  auto model = make<Sequential>(std::vector<Ref<Layer>>{make<Linear>(2, 3, rngs), make<Activation>("relu"), make<Linear>(3, 4, rngs)});
  const Array x = ones({2, 2}), before = model(x);
  auto adapted = recursive_map([&](const Path&, const Ref<ModuleBase>& m) -> Ref<ModuleBase> {
    if (!is<Linear>(m)) return m;
    return make<LoRALinear>(as<Linear>(m), 2, rngs);
  }, model);
  CHECK(adapted->layers.size() == 3);
  CHECK(is<LoRALinear>(adapted->layers[0]));
  CHECK(is<Activation>(adapted->layers[1]));
  CHECK(is<Linear>(model->layers[0]));
  CHECK(!is<LoRALinear>(model->layers[0]));
  CHECK(values(adapted(x)) == values(before));   // B is zero
  CHECK(as<Linear>(adapted->layers[2])->kernel.same(as<Linear>(model->layers[2])->kernel));
}

TEST_CASE("census 40: a Linear draws two keys, and calls draw from the default stream where there is no other") {
  Rngs rngs(0);
  make<Linear>(2, 2, rngs);
  CHECK(count_of(rngs.stream("default")) == 2);
  auto layer = make<Dropout>(0.5);
  layer(ones({4}), std::nullopt, rngs.stream("dropout"));
  layer(ones({4}), std::nullopt, rngs.stream("dropout"));
  CHECK(count_of(rngs.stream("default")) == 4);
}

TEST_CASE("census 45: Dropout with its own stream and with one that is passed give the same, each compiled once") {
  Rngs rngs(0), same(0);
  auto own = make<Dropout>(0.5, rngs), none = make<Dropout>(0.5);
  const Ref<RngStream> stream = same.stream("dropout")->fork();
  const Array x = ones({100});
  const auto with_own = jit([](Ref<Dropout> d, Array v) { return d(v); });
  const auto with_passed = jit([](Ref<Dropout> d, Ref<RngStream> s, Array v) { return d(v, std::nullopt, s); });
  for (uint32_t call = 1; call <= 2; ++call) {
    CHECK(values(with_own(own, x)) == values(with_passed(none, stream, x)));
    CHECK(count_of(own->rngs) == call);
    CHECK(count_of(stream) == call);
  }
  CHECK(with_own.entries() == 1);
  CHECK(with_passed.entries() == 1);
}

TEST_CASE("census 46: what a call says about determinism wins over the attribute") {
  Rngs rngs(0);
  auto dropout = make<Dropout>(0.5, rngs);
  const Array x = ones({64});
  dropout->deterministic = true;
  CHECK(values(dropout(x)) == values(x));
  CHECK(values(dropout(x, false)) != values(x));
  dropout->deterministic = false;
  CHECK(values(dropout(x, true)) == values(x));
  CHECK(error_of([&] { make<Dropout>(0.5)(x); }) ==
        "Dropout: `deterministic` is False, but no `rngs` argument was provided to Dropout");
}

TEST_CASE("census 47: a LoRA in the place of a layer changes nothing at first, and then adds x A B") {
  Rngs rngs(0);
  auto model = make<TwoLinears>(rngs);
  const Array x = ones({1, 2}), before = model(x);
  const Array hidden = model->linear1(x);
  auto lora = make<LoRA>(3, 2, 4, rngs, model->linear2);
  model->linear2 = lora;
  CHECK(values(model(x)) == values(before));
  lora->lora_b.set(ones({2, 4}));
  check_near(model(x), before + matmul(matmul(hidden, lora->lora_a), lora->lora_b));
}

TEST_CASE("census 48: the first filter that matches wins: LoRAParam is a Param") {
  Rngs rngs(0);
  auto layer = make<LoRALinear>(3, 4, 2, rngs);
  const auto [def, adapters, params] = split(layer, of<LoRAParam>, of<Param>);
  CHECK(adapters.paths() == std::vector<std::string>{"lora.lora_a", "lora.lora_b"});
  CHECK(params.paths() == std::vector<std::string>{"bias", "kernel"});
  const auto [def2, all, none] = split(layer, of<Param>, of<LoRAParam>);
  CHECK(all.size() == 4);
  CHECK(none.empty());
}

TEST_CASE("census 54: views for training and evaluation share Variables, random counts among them") {
  Rngs rngs(0);
  auto block = make<Block>(rngs);
  auto training = train_view(block), evaluating = eval_view(block);
  CHECK(!training->dropout->deterministic);
  CHECK(evaluating->dropout->deterministic);
  CHECK(evaluating->bn->use_running_average);
  CHECK(!block->bn->use_running_average);
  training(ones({2, 4}));
  CHECK(count_of(block->dropout->rngs) == 1);
  CHECK(count_of(evaluating->dropout->rngs) == 1);
  evaluating(ones({2, 4}));
  CHECK(count_of(block->dropout->rngs) == 1);
  CHECK(evaluating->bn->mean.same(block->bn->mean));
  CHECK(values(block->bn->mean) != std::vector<float>(4, 0.0f));
  auto quiet = view(block, {{"rate", 0.0}});   // Numbers are attributes too
  CHECK(quiet->dropout->rate.value() == 0);
  CHECK(block->dropout->rate.value() == 0.5);
}

TEST_CASE("census 55: a partial State changes what it has and leaves the rest") {
  Rngs rngs(0);
  auto pretrained = make<Linear>(2, 3, rngs), fresh = make<Linear>(2, 3, rngs, true, lecun_normal(), ones_init());
  update(fresh, state(pretrained, path("kernel")));
  CHECK(values(fresh->kernel) == values(pretrained->kernel));
  CHECK(values(fresh->bias) == std::vector<float>(3, 1.0f));
}

TEST_CASE("census 61: normalisation with a mask takes statistics of what the mask keeps") {
  Rngs rngs(0);
  // Rows 1 and 3 of feature 0, all rows of feature 1; what is masked may be anything.
  const Array x = array<float>({1, 2, NAN, 4, 3, 9}, {3, 2});
  const Array mask = greater(array<float>({1, 1, 0, 1, 1, 1}, {3, 2}), 0.5);
  auto bn = make<BatchNorm>(2, rngs);
  const std::vector<float> y = values(bn(x, std::nullopt, mask));
  CHECK(y[0] == doctest::Approx(-0.999995));          // mean 2, variance 1
  CHECK(y[4] == doctest::Approx(0.999995));
  CHECK(std::isnan(y[2]));
  CHECK(values(bn->mean)[0] == doctest::Approx(0.02));
  CHECK(values(bn->mean)[1] == doctest::Approx(0.05));   // mean 5
  CHECK(values(bn->var)[1] == doctest::Approx(0.99 + 0.01 * 26.0 / 3));
  check_near(bn->call({ones({3, 2}), false}).as<Array>(), zeros({3, 2}));
  auto unmasked = make<BatchNorm>(2, rngs), all = make<BatchNorm>(2, rngs);
  const Array whole = array<float>({1, 2, 5, 4, 3, 9}, {3, 2});
  check_near(all(whole, std::nullopt, greater(ones({1, 2}), 0.5)), unmasked(whole));
  check_near(all->var, unmasked->var);

  auto ln = make<LayerNorm>(4, rngs);
  const Array row = array<float>({1, 3, 100, -50}, {1, 4});
  const Array kept = greater(array<float>({1, 1, 0, 0}, {4}), 0.5);
  const std::vector<float> z = values(ln(row, kept));
  CHECK(z[0] == doctest::Approx(-1).epsilon(1e-5));    // mean 2, variance 1
  CHECK(z[1] == doctest::Approx(1).epsilon(1e-5));
  CHECK(z[2] == doctest::Approx(98).epsilon(1e-5));
  CHECK(z[3] == doctest::Approx(-52).epsilon(1e-5));
  check_near(ln->call({row}, {{"mask", greater(ones({4}), 0.5)}}).as<Array>(), ln(row));
  CHECK(error_of([&] { ln(row, ones({4})); }) == "mask: expected bool, got f32[4]");
  // Gradients pass through what is kept.
  const Array g = grad<1>([&](Ref<LayerNorm> l, Array v) { return sum(square(l(v, kept)) * array<float>({1, 2, 0, 0}, {4})); })(ln, row);
  CHECK(values(g)[2] == 0);
  CHECK(values(g)[3] == 0);
}

TEST_CASE("census 65: an empty Sequential gives back what it was given") {
  auto f = make<Sequential>();
  CHECK(f->call({12}).as<int64_t>() == 12);
  const auto both = f->call({12, 23}).as<CallValue::List>();
  CHECK(both.size() == 2);
  CHECK(both[1].as<int64_t>() == 23);
  CHECK(f->call({}).empty());
  CHECK(f->call({}, {{"k", 2}}).as<CallValue::Map>().at("k").as<int64_t>() == 2);
}
