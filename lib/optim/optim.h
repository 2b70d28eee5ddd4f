// The optimizers by their Optax names: chains of transformations, ready for make<Optimizer>.
//
//   auto optimizer = make<Optimizer>(model, optim::adamw(1e-3, {.mask = path("**.kernel")}));
#pragma once

#include "optim/optimizer.h"
#include "optim/partition.h"

namespace nnx::optim {

struct SgdArguments {
  std::optional<double> momentum = {};
  bool nesterov = false;
  std::optional<double> clip_by_global_norm = {};  // of the gradients, before everything else
};
struct AdamArguments {
  double b1 = 0.9, b2 = 0.999, eps = 1e-8;
  std::optional<double> clip_by_global_norm = {};
};
struct AdamWArguments {
  double b1 = 0.9, b2 = 0.999, eps = 1e-8, weight_decay = 1e-4;
  Filter mask = rest;  // which parameters decay
  std::optional<double> clip_by_global_norm = {};
};

// g, or its momentum, times -learning_rate: the rate is applied after the momentum.
Ref<Transformation> sgd(const LearningRate& learning_rate, const SgdArguments& arguments = {});
Ref<Transformation> adam(const LearningRate& learning_rate, const AdamArguments& arguments = {});
// adam, plus weight_decay p before the learning rate.
Ref<Transformation> adamw(const LearningRate& learning_rate, const AdamWArguments& arguments = {});

}  // namespace nnx::optim

namespace nnx {

// The explicit list: builtin.cpp. Options are named as in Optax, with `clip_by_global_norm` and `wrt` beside them.
// `total_steps` is handed to schedules, see there.
using Optimizers = Registry<Ref<Optimizer>(Ref<ModuleBase> model, int64_t total_steps)>;
const Optimizers& optimizers();

}  // namespace nnx
