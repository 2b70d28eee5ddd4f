// Batch normalisation (Ioffe & Szegedy 2015) with Flax's conventions: momentum is the weight of the old statistics, and
// variances are biased.
#pragma once

#include "nn/layer.h"

namespace nnx {

struct BatchNormOptions {
  int64_t num_features = 0;
  double momentum = 0.99, epsilon = 1e-5;
  bool use_bias = true, use_scale = true;
  static void fields(auto& self, auto&& f) {
    f("num_features", self.num_features, Field{.help = "size of the last axis"}.at_least(1).must());
    f("momentum", self.momentum, Field{.help = "weight of the old running statistics"}.at_least(0).at_most(1));
    f("epsilon", self.epsilon, Field{.help = "added to the variance"}.at_least(0));
    f("use_bias", self.use_bias, Field{.help = "whether a bias is added"});
    f("use_scale", self.use_scale, Field{.help = "whether the result is scaled"});
  }
};

// Training: statistics of the batch over all axes but the last; running = momentum * running + (1 - momentum) * batch,
// without gradient. Evaluation, and while the statistics are frozen: the running statistics.
class BatchNorm : public Module<BatchNorm, Layer> {
 public:
  BatchNorm() = default;
  BatchNorm(int64_t num_features, Rngs& rngs) : BatchNorm({.num_features = num_features}, rngs) {}
  BatchNorm(const BatchNormOptions& options, Rngs& rngs);
  // x [..., num_features]; `use_running_average` overrides the attribute. Statistics are of the elements where `mask`
  // (bool, broadcastable to x) is true; all are normalised.
  Array operator()(const Array& x) override { return (*this)(x, std::nullopt); }
  Array operator()(const Array& x, std::optional<bool> use_running_average, const Array& mask = {});
  CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) override;
  static void fields(auto& self, auto&& f) {
    f("scale", self.scale);
    f("bias", self.bias);
    f("mean", self.mean);
    f("var", self.var);
    f("momentum", self.momentum);
    f("epsilon", self.epsilon);
    f("num_features", self.num_features);
    f("use_running_average", self.use_running_average);
  }

  Param scale, bias;         // [num_features], or empty
  BatchStat mean, var;       // [num_features]
  Number momentum = 0.99;
  double epsilon = 1e-5;
  int64_t num_features = 0;
  bool use_running_average = false;
};

}  // namespace nnx
