// The models and train steps that several benchmarks time.
#pragma once

#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "nnx/nnx.h"
#include "ops/ops.h"
#include "optim/optimizer.h"

namespace nnx::bench {

// The guide's model.
struct MLP : Module<MLP, Layer> {
  Ref<Linear> linear1, linear2;
  Ref<Dropout> dropout;
  Ref<BatchNorm> bn;
  MLP() = default;
  MLP(int64_t din, int64_t dmid, int64_t dout, Rngs& rngs)
      : linear1(make<Linear>(din, dmid, rngs)),
        linear2(make<Linear>(dmid, dout, rngs)),
        dropout(make<Dropout>(0.1, rngs)),
        bn(make<BatchNorm>(dmid, rngs)) {}
  Array operator()(const Array& x) override { return linear2(gelu(dropout(bn(linear1(x))))); }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("dropout", self.dropout);
    f("bn", self.bn);
    f("linear2", self.linear2);
  }
};

// `count` pairs of Linear width -> hidden -> width, with relu in between.
struct MlpStack : Module<MlpStack, Layer> {
  std::vector<Ref<Linear>> layers;
  MlpStack() = default;
  MlpStack(int64_t count, int64_t width, int64_t hidden, Rngs& rngs) {
    for (int64_t i = 0; i < count; ++i) {
      layers.push_back(make<Linear>(width, hidden, rngs));
      layers.push_back(make<Linear>(hidden, width, rngs));
    }
  }
  Array operator()(const Array& x) override {
    Array y = x;
    for (size_t i = 0; i < layers.size(); i += 2) y = layers[i + 1](relu(layers[i](y)));
    return y;
  }
  static void fields(auto& self, auto&& f) { f("layers", self.layers); }
};

// A step of training; with `guarded`, one that checks the loss and every gradient before it changes anything.
template <class Model, bool guarded = false>
Array train_step(Ref<Model> model, Ref<Optimizer> optimizer, Array x, Array y) {
  const auto loss_fn = [&](Ref<Model> m) { return mean(square(m(x) - y)); };
  auto [loss, grads] = value_and_grad(loss_fn)(model);
  if constexpr (guarded) {
    check_finite(loss, "loss");
    for (const auto& [path, leaf] : grads) check_finite(leaf.value, "gradient of " + to_string(path));
  }
  optimizer->update(grads);
  return loss;
}

}  // namespace nnx::bench
