// The NNX Basics guide, one test a code cell, in its order: the same programs with the values that they imply.
#include <doctest/doctest.h>

#include <algorithm>

#include <fmt/format.h>

// Cell 1: what is imported.
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nnx/display.h"
#include "nnx/nnx.h"
#include "optim/optim.h"
#include "support/errors.h"

using namespace nnx;
using nnx::test::error_of;

namespace {

// Cell 2
struct Linear : Module<Linear, Layer> {
  Param w, b;
  int64_t din = 0, dout = 0;
  Linear() = default;
  Linear(int64_t in, int64_t out, Rngs& rngs)
      : w(random::uniform(rngs.params(), {in, out})), b(zeros({out})), din(in), dout(out) {}
  Array operator()(const Array& x) override { return matmul(x, w) + b; }
  static void fields(auto& self, auto&& f) {
    f("w", self.w);
    f("b", self.b);
    f("din", self.din);
    f("dout", self.dout);
  }
};

// Cell 4 and cell 9
struct Count : VariableOf<Count> { using VariableOf::VariableOf; static constexpr std::string_view name = "Count"; };

struct Counter : Module<Counter> {
  Count count = Count(scalar<int32_t>(0));
  void operator()() { count.set(count.get() + 1); }
  static void fields(auto& self, auto&& f) { f("count", self.count); }
};

// Cell 5
struct MLP : Module<MLP, Layer> {
  Ref<Layer> linear1, linear2;
  Ref<Dropout> dropout;
  Ref<BatchNorm> bn;
  MLP() = default;
  MLP(int64_t din, int64_t dmid, int64_t dout, Rngs& rngs) {
    linear1 = make<Linear>(din, dmid, rngs);
    dropout = make<Dropout>(0.1, rngs);
    bn = make<BatchNorm>(dmid, rngs);
    linear2 = make<Linear>(dmid, dout, rngs);
  }
  Array operator()(const Array& x) override { return linear2(gelu(dropout(bn(linear1(x))))); }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("dropout", self.dropout);
    f("bn", self.bn);
    f("linear2", self.linear2);
  }
};

// Cell 6
struct LoraParam : VariableOf<LoraParam, Param> { using VariableOf::VariableOf; static constexpr std::string_view name = "LoraParam"; };

struct LoraLinear : Module<LoraLinear, Layer> {
  Ref<Linear> linear;
  LoraParam A, B;
  LoraLinear() = default;
  LoraLinear(const Ref<Linear>& adapted, int64_t rank, Rngs& rngs)
      : linear(adapted), A(random::normal(rngs(), {adapted->din, rank})), B(random::normal(rngs(), {rank, adapted->dout})) {}
  Array operator()(const Array& x) override { return linear(x) + matmul(matmul(x, A), B); }
  static void fields(auto& self, auto&& f) {
    f("linear", self.linear);
    f("A", self.A);
    f("B", self.B);
  }
};

// Cell 9
struct StatefulLinear : Module<StatefulLinear, Layer> {
  Param w, b;
  Count count;
  StatefulLinear() = default;
  StatefulLinear(int64_t din, int64_t dout, Rngs& rngs)
      : w(random::uniform(rngs(), {din, dout})), b(zeros({dout})), count(scalar<int32_t>(0)) {}
  Array operator()(const Array& x) override {
    count.set(count.get() + 1);
    return matmul(x, w.get()) + b.get();
  }
  static void fields(auto& self, auto&& f) {
    f("w", self.w);
    f("b", self.b);
    f("count", self.count);
  }
};

using Paths = std::vector<std::string>;
std::vector<float> values(const Array& x) { return x.to_vector<float>(); }
int32_t count_in(const Variable& v) { return v.get().item<int32_t>(); }
uint32_t draws(const Ref<RngStream>& stream) { return stream->count.get().item<uint32_t>(); }
bool shows(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

Ref<StatefulLinear> stateful_linear() {
  Rngs rngs(0);
  return make<StatefulLinear>(3, 5, rngs);
}

}  // namespace

TEST_CASE("cell 1: one namespace holds Modules, Arrays and transforms") {
  CHECK(sum(ones({2, 2})).item<float>() == 4);
}

TEST_CASE("cell 2: a Linear holds its parameters, and static sizes beside them") {
  Rngs rngs({{"params", 0}});
  const Linear linear(2, 5, rngs);
  CHECK(linear.w.shape() == Shape{2, 5});
  CHECK(linear.w.kind().is_a(Param::static_kind()));
  CHECK(values(linear.b) == std::vector<float>(5, 0.0f));
  CHECK(values(linear.w) == values(random::uniform(random::fold_in(random::key(0), 0), {2, 5})));
  CHECK(draws(rngs.stream("params")) == 1);
  const auto [def, state] = split(make<Linear>(linear));
  CHECK(state.paths() == Paths{"b", "w"});   // din and dout are in the GraphDef
  CHECK(shows(def.to_string(), "din: 2"));
}

TEST_CASE("cell 3: a Module is called directly, and can be looked at") {
  Rngs rngs({{"params", 0}});
  auto model = make<Linear>(2, 5, rngs);
  const Array y = model(ones({1, 2}));
  CHECK(y.shape() == Shape{1, 5});
  const float w[] = {.8423141f, .18237865f, .2271781f, .12072563f, .19181347f, .722015f, .7654456f, .15254045f, .9517063f, .029310465f};
  for (size_t i = 0; i < 5; ++i) CHECK(values(y)[i] == doctest::Approx(w[i] + w[i + 5]).epsilon(1e-6));
  const std::string text = display(model);
  CHECK(text.starts_with("Linear"));
  CHECK(shows(text, "Param 15 (60 B)"));
  CHECK(shows(text, "w: Param f32[2,5] 40 B"));
  CHECK(shows(text, "din: 2"));
}

TEST_CASE("cell 4: a Variable changes in the forward pass") {
  auto counter = make<Counter>();
  CHECK(count_in(counter->count) == 0);
  counter();
  CHECK(count_in(counter->count) == 1);
}

TEST_CASE("cell 5: Modules hold Modules; Dropout has a stream of its own") {
  Rngs rngs(0);
  auto model = make<MLP>(2, 16, 5, rngs);
  CHECK(draws(rngs.stream("default")) == 5);   // linear1, dropout's fork, bn's scale and bias, linear2
  CHECK(state(model).paths() == Paths{"bn.bias", "bn.mean", "bn.scale", "bn.var", "dropout.rngs.count", "dropout.rngs.key",
                                      "linear1.b", "linear1.w", "linear2.b", "linear2.w"});
  CHECK(draws(model->dropout->rngs) == 0);
  const Array y = model(ones({3, 2}));
  CHECK(y.shape() == Shape{3, 5});
  CHECK(draws(model->dropout->rngs) == 1);
  // A batch of equal rows has variance 0: running = 0.99 old + 0.01 batch.
  CHECK(values(model->bn->var)[0] == doctest::Approx(0.99));
  const float hidden = values(sum(as<Linear>(model->linear1)->w.get(), {0}))[0];
  CHECK(values(model->bn->mean)[0] == doctest::Approx(0.01f * hidden));
  const std::string text = display(model);
  CHECK(shows(text, "BatchStat 32 (128 B)"));
  CHECK(shows(text, "Param 165 (660 B)"));
  CHECK(shows(text, "dropout: Dropout"));
}

TEST_CASE("cell 6: surgery is assignment") {
  Rngs rngs(0);
  auto model = make<MLP>(2, 32, 5, rngs);
  const Ref<Linear> inner = as<Linear>(model->linear1);
  const uint32_t before = draws(rngs.stream("default"));
  model->linear1 = make<LoraLinear>(as<Linear>(model->linear1), 4, rngs);
  model->linear2 = make<LoraLinear>(as<Linear>(model->linear2), 4, rngs);
  CHECK(draws(rngs.stream("default")) == before + 4);
  CHECK(model(ones({3, 2})).shape() == Shape{3, 5});
  const auto [def, lora, params, others] = split(model, of<LoraParam>, of<Param>, rest);
  CHECK(lora.paths() == Paths{"linear1.A", "linear1.B", "linear2.A", "linear2.B"});
  CHECK(params.paths() == Paths{"bn.bias", "bn.scale", "linear1.linear.b", "linear1.linear.w", "linear2.linear.b", "linear2.linear.w"});
  CHECK(lora["linear1.A"].shape() == Shape{2, 4});
  CHECK(lora["linear2.B"].shape() == Shape{4, 5});
  CHECK(as<LoraLinear>(model->linear1)->linear == inner);   // the very Linear, not a copy
  CHECK(shows(display(model), "linear1: LoraLinear"));
}

TEST_CASE("cell 7: a train step under jit carries statistics, counts and parameters out") {
  Rngs rngs(0);
  auto model = make<MLP>(2, 16, 10, rngs);
  auto optimizer = make<Optimizer>(model, optim::adam(1e-3));   // reference sharing
  const auto train_step = jit([](Ref<MLP> m, Ref<Optimizer> o, Array x, Array y) {
    const auto loss_fn = [&](Ref<MLP> inner) { return mean(square(inner(x) - y)); };
    auto [loss, grads] = value_and_grad(loss_fn)(m);
    o->update(grads);   // in-place updates
    return loss;
  });
  const Array x = ones({5, 2}), y = ones({5, 10});
  const State before = state(model);
  // What the same lines give without jit, on a copy of both with their sharing.
  auto [eager_model, eager_optimizer] = clone(std::tuple(model, optimizer));
  CHECK(eager_optimizer->model == Ref<ModuleBase>(eager_model));
  const Array eager_loss = mean(square(clone(model)(x) - y));
  const Array loss = train_step(model, optimizer, x, y);
  CHECK(loss.item<float>() == doctest::Approx(eager_loss.item<float>()).epsilon(1e-5));
  CHECK(optimizer->step.get().item<uint32_t>() == 1);
  CHECK(optimizer->model == Ref<ModuleBase>(model));
  // 1. BatchNorm's and Dropout's state came out of loss_fn and of train_step.
  CHECK(draws(model->dropout->rngs) == 1);
  CHECK(values(model->bn->mean) != values(before["bn.mean"]));
  // 2. The optimizer updated the model it shares: adam's first step is the learning rate, by the sign of the gradient.
  // Equal rows leave BatchNorm nothing: the prediction is linear2's bias, which moves towards the targets.
  for (const float b : values(as<Linear>(model->linear2)->b)) CHECK(b == doctest::Approx(1e-3).epsilon(1e-4));
  float last = loss.item<float>();
  for (int i = 0; i < 50; ++i) last = train_step(model, optimizer, x, y).item<float>();
  CHECK(last < loss.item<float>());
  CHECK(optimizer->step.get().item<uint32_t>() == 51);
  CHECK(draws(model->dropout->rngs) == 51);
  CHECK(train_step.entries() == 1);
}

TEST_CASE("cell 8: a stack of layers is made by vmap and applied by scan") {
  const auto create_model = vmap([](Ref<Rngs> rngs) { return make<MLP>(10, 32, 10, *rngs); }, {.axis_size = 5});
  const auto rngs = make<Rngs>(0);
  auto model = create_model(rngs);
  CHECK(as<Linear>(model->linear1)->w.shape() == Shape{5, 10, 32});
  CHECK(as<Linear>(model->linear2)->b.shape() == Shape{5, 10});
  CHECK(model->bn->mean.shape() == Shape{5, 32});
  CHECK(model->dropout->rngs->key.shape() == Shape{5, 2});
  CHECK(model->dropout->rngs->count.shape() == Shape{5});
  CHECK(draws(rngs->stream("default")) == 1);   // its key was split once
  const auto [def, stack] = split(model);
  const auto layer = [](const State& all, int64_t i) { return all.map([i](const Path&, const Array& x) { return index_axis(x, 0, i); }); };
  CHECK(values(layer(stack, 0)["linear1.w"]) != values(layer(stack, 1)["linear1.w"]));
  CHECK(shows(display(model), "w: Param f32[5,10,32]"));

  const auto forward = scan([](Array carry, Ref<MLP> one) { return one(carry); });
  const Array y = forward(ones({3, 10}), model);
  CHECK(y.shape() == Shape{3, 10});

  // The same, each layer by itself.
  Array expected = ones({3, 10});
  std::vector<State> after;
  for (int64_t i = 0; i < 5; ++i) {
    auto [out, changed] = call<MLP>(def, layer(stack, i), [&](Ref<MLP> m) { return m(expected); });
    expected = out;
    after.push_back(changed);
  }
  const auto near = [](const std::vector<float>& a, const std::vector<float>& b) {
    return std::ranges::equal(a, b, [](float u, float v) { return std::abs(u - v) <= 1e-5f * (1 + std::abs(v)); });
  };
  CHECK(near(values(y), values(expected)));
  for (const auto& [path, leaf] : state(model)) {
    if (!is_floating(leaf.value.dtype())) continue;
    CAPTURE(to_string(path));
    for (int64_t i = 0; i < 5; ++i) CHECK(near(values(index_axis(leaf.value, 0, i)), values(after[static_cast<size_t>(i)].at(path).value)));
  }
  CHECK(model->dropout->rngs->count.get().to_vector<uint32_t>() == std::vector<uint32_t>(5, 1));
  CHECK(values(model->bn->mean) != values(stack["bn.mean"]));
}

TEST_CASE("cells 7 and 8 together: an ensemble and its optimizers, made by vmap, are trained in one vmapped step") {
  const auto train = [](Ref<MLP> m, Ref<Optimizer> o, Array inputs, Array targets) {
    auto [loss, grads] = value_and_grad([&](Ref<MLP> inner) { return mean(square(inner(inputs) - targets)); })(m);
    o->update(grads);
    return loss;
  };
  const auto models = vmap([](Ref<Rngs> rngs) { return make<MLP>(2, 16, 10, *rngs); }, {.axis_size = 3})(make<Rngs>(0));
  const auto [def, stack] = split(models);
  std::vector<Ref<MLP>> singles;
  std::vector<Ref<Optimizer>> single_optimizers;
  for (int64_t i = 0; i < 3; ++i) {
    singles.push_back(merge<MLP>(def, stack.map([&](const Path&, const Array& v) { return index_axis(v, 0, i); })));
    single_optimizers.push_back(make<Optimizer>(singles.back(), optim::adam(1e-3)));
  }
  const auto optimizers = vmap([](Ref<MLP> m) { return make<Optimizer>(m, optim::adam(1e-3)); })(models);
  CHECK(optimizers->step.shape() == Shape{3});
  CHECK(optimizers->model == models);
  const auto step = jit([&](Ref<MLP> m, Ref<Optimizer> o, Array x, Array y) {
    return vmap(train, {.in_axes = {0, 0, no_axis, no_axis}})(m, o, x, y);
  });
  const Array x = ones({5, 2}), y = ones({5, 10});
  for (int call = 0; call < 3; ++call) {
    const std::vector<float> losses = step(models, optimizers, x, y).to_vector<float>();
    for (size_t i = 0; i < 3; ++i)
      CHECK(losses[i] == doctest::Approx(train(singles[i], single_optimizers[i], x, y).item<float>()).epsilon(1e-4));
  }
  CHECK(optimizers->step.get().to_vector<uint32_t>() == std::vector<uint32_t>(3, 3));
  CHECK(step.entries() == 1);
}

TEST_CASE("cell 9: a Module with parameters and a count") {
  auto model = stateful_linear();
  const std::vector<float> w = values(model->w);
  const float last[] = {.09871054f, .55314326f, .12444711f, .59456205f, .9594908f};
  CHECK(w[0] == doctest::Approx(.8423141).epsilon(1e-6));
  for (size_t i = 0; i < 5; ++i) CHECK(w[10 + i] == doctest::Approx(last[i]).epsilon(1e-6));
  CHECK(count_in(model->count) == 0);
  const std::string text = display(model);
  CHECK(text.starts_with("StatefulLinear"));
  CHECK(shows(text, "Count 1 (4 B)"));
  CHECK(shows(text, "Param 20 (80 B)"));
  CHECK(shows(text, "count: Count i32[] 4 B"));
}

TEST_CASE("cell 10: split gives a GraphDef and a State") {
  auto model = stateful_linear();
  const auto [graphdef, state] = split(model);
  CHECK(state.paths() == Paths{"b", "count", "w"});
  CHECK(state.at("count").kind == &Count::static_kind());
  CHECK(state.at("w").kind == &Param::static_kind());
  CHECK(graphdef.nodes.size() == 4);   // the Module and three Variables
  CHECK(shows(display(graphdef), "StatefulLinear"));
  CHECK(shows(display(state), "w: Param f32[3,5]"));
  // The GraphDef holds no values: that of a model with other weights is equal.
  Rngs rngs(7);
  CHECK(graphdef == nnx::graphdef(make<StatefulLinear>(3, 5, rngs)));
  CHECK(graphdef.hash() == nnx::graphdef(make<StatefulLinear>(3, 5, rngs)).hash());
}

TEST_CASE("cell 11: split, merge and update carry a model through a pure function") {
  auto model = stateful_linear();
  CHECK(count_in(model->count) == 0);
  // 1. values of the Module; the GraphDef is static, so the function holds it
  const auto [graphdef, state] = split(model);
  const auto forward = jit([graphdef = graphdef](State s, Array x) {
    auto inner = merge<StatefulLinear>(graphdef, s);   // 2. a new model inside the transform
    const Array y = inner(x);                          // 3. called
    return std::pair(y, nnx::state(inner));            // 4. its State comes out
  });
  const auto [y, after] = forward(state, ones({1, 3}));
  CHECK(count_in(model->count) == 0);                  // nothing happened to it yet
  CHECK(state["count"].item<int32_t>() == 0);
  CHECK(after["count"].item<int32_t>() == 1);
  update(model, after);                                // 5.
  CHECK(count_in(model->count) == 1);
  CHECK(values(y) == values(sum(model->w.get(), {0}, true)));

  // Two Modules that share one keep it when they are split together.
  auto shared = std::tuple(model, model);
  const auto [both_def, both] = split(shared);
  CHECK(both.size() == 3);
  const auto [first, second] = merge<std::tuple<Ref<StatefulLinear>, Ref<StatefulLinear>>>(both_def, both);
  CHECK(first == second);
}

TEST_CASE("cell 12: filters split a State, and must be exhaustive") {
  auto model = stateful_linear();
  const auto [graphdef, params, counts] = split(model, of<Param>, of<Count>);
  CHECK(params.paths() == Paths{"b", "w"});
  CHECK(counts.paths() == Paths{"count"});
  CHECK(shows(display(params), "w: Param f32[3,5]"));
  CHECK(shows(display(counts), "count: Count i32[]"));
  CHECK(error_of([&] { split(model, of<Param>); }) ==
        "split: Non-exhaustive filters, got a non-empty remainder: count (Count); use `rest` to match all remaining Variables");
}

TEST_CASE("cell 13: merge and update take several States") {
  auto model = stateful_linear();
  const auto [graphdef, params, counts] = split(model, of<Param>, of<Count>);
  const Ref<StatefulLinear> before = model;
  model = merge<StatefulLinear>(graphdef, params, counts);   // a new object
  CHECK(!(model == before));
  CHECK(values(model->w) == values(before->w));
  CHECK(state(model) == state(before));
  model(ones({1, 3}));
  CHECK(count_in(model->count) == 1);
  CHECK(count_in(before->count) == 0);
  update(model, params, counts);                             // in place
  CHECK(count_in(model->count) == 0);
}
