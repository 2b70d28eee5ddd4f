// The models and train steps that several benchmarks time.
#pragma once

#include "optim/optimizer.h"
#include "support/guide_mlp.h"

namespace nnx::bench {

using test::MLP;   // the guide's model

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
