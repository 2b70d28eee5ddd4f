// The two cells of the guide that transform the MLP: the train step, and the scan over layers.
#include <doctest/doctest.h>

#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "nnx/nnx.h"
#include "optim/optim.h"
#include "optim/optimizer.h"

using namespace nnx;

namespace {

struct MLP : Module<MLP, Layer> {
  Ref<Linear> linear1, linear2;
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

}  // namespace

TEST_CASE("guide: train_step") {
  Rngs rngs(0);
  auto model = make<MLP>(2, 16, 10, rngs);
  auto optimizer = make<Optimizer>(model, optim::adam(1e-3));   // reference sharing

  auto train_step = jit([](Ref<MLP> m, Ref<Optimizer> o, Array inputs, Array targets) {
    auto loss_fn = [&](Ref<MLP> inner) {
      const Array y_pred = inner(inputs);
      return mean(square(y_pred - targets));
    };
    auto [value, grads] = value_and_grad(loss_fn)(m);
    o->update(grads);
    return value;
  });

  const Array x = ones({5, 2}), y = ones({5, 10});
  const std::vector<float> kernel = model->linear1->kernel.get().to_vector<float>();
  const Array loss = train_step(model, optimizer, x, y);
  CHECK(loss.rank() == 0);
  CHECK(optimizer->step.get().item<uint32_t>() == 1);
  CHECK(model->dropout->rngs->count.get().item<uint32_t>() == 1);
  CHECK(model->bn->mean.get().to_vector<float>() != std::vector<float>(16, 0.0f));
  CHECK(model->linear1->kernel.get().to_vector<float>() != kernel);
  CHECK(optimizer->model == model);
  for (int i = 0; i < 20; ++i) train_step(model, optimizer, x, y);
  CHECK(train_step(model, optimizer, x, y).item<float>() < loss.item<float>());
  CHECK(train_step.entries() == 1);
}

TEST_CASE("guide: scan over layers") {
  auto create_model = vmap([](Ref<Rngs> rngs) { return make<MLP>(10, 32, 10, *rngs); }, {.axis_size = 5});
  auto rngs = make<Rngs>(0);
  auto model = create_model(rngs);

  auto forward = scan([](Array carry, Ref<MLP> layer) { return layer(carry); });

  const Array x = ones({3, 10});
  const Array y = forward(x, model);
  CHECK(y.shape() == Shape{3, 10});
  CHECK(model->linear1->kernel.shape() == Shape{5, 10, 32});
  CHECK(model->bn->mean.shape() == Shape{5, 32});
  CHECK(model->dropout->rngs->key.shape() == Shape{5, 2});
  CHECK(model->dropout->rngs->count.get().to_vector<uint32_t>() == std::vector<uint32_t>(5, 1));
  CHECK(rngs->stream("default")->count.get().item<uint32_t>() == 1);
  // The statistics of every layer are its own.
  const std::vector<float> means = model->bn->mean.get().to_vector<float>();
  CHECK(std::vector(means.begin(), means.begin() + 32) != std::vector(means.begin() + 32, means.begin() + 64));
}

TEST_CASE("an ensemble and its optimizers, made by vmap, are trained in one vmapped step") {
  const auto train = [](Ref<MLP> m, Ref<Optimizer> o, Array inputs, Array targets) {
    auto [loss, grads] = value_and_grad([&](Ref<MLP> inner) { return mean(square(inner(inputs) - targets)); })(m);
    o->update(grads);
    return loss;
  };
  const auto models = vmap([](Ref<Rngs> rngs) { return make<MLP>(2, 16, 10, *rngs); }, {.axis_size = 3})(make<Rngs>(0));
  const auto [def, values] = split(models);
  std::vector<Ref<MLP>> singles;
  std::vector<Ref<Optimizer>> single_optimizers;
  for (int64_t i = 0; i < 3; ++i) {
    singles.push_back(merge<MLP>(def, values.map([&](const Path&, const Array& v) { return index_axis(v, 0, i); })));
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
