// Layer normalisation over the last axis (Ba, Kiros & Hinton 2016).
#pragma once

#include "nn/layer.h"

namespace nnx {

struct LayerNormOptions {
  int64_t num_features = 0;
  double epsilon = 1e-6;
  bool use_bias = true, use_scale = true;
  static void fields(auto& self, auto&& f) {
    f("num_features", self.num_features, Field{.help = "size of the last axis"}.at_least(1).must());
    f("epsilon", self.epsilon, Field{.help = "added to the variance"}.at_least(0));
    f("use_bias", self.use_bias, Field{.help = "whether a bias is added"});
    f("use_scale", self.use_scale, Field{.help = "whether the result is scaled"});
  }
};

class LayerNorm : public Module<LayerNorm, Layer> {
 public:
  LayerNorm() = default;
  LayerNorm(int64_t num_features, Rngs& rngs) : LayerNorm(LayerNormOptions{.num_features = num_features}, rngs) {}
  LayerNorm(const LayerNormOptions& options, Rngs& rngs);
  // x [..., num_features]. Statistics are of the features where `mask` (bool, broadcastable to x) is true; all are
  // normalised.
  Array operator()(const Array& x) override { return (*this)(x, Array()); }
  Array operator()(const Array& x, const Array& mask);
  CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) override;
  static void fields(auto& self, auto&& f) {
    f("scale", self.scale);
    f("bias", self.bias);
    f("epsilon", self.epsilon);
    f("num_features", self.num_features);
  }

  Param scale, bias;   // [num_features], or empty
  double epsilon = 1e-6;
  int64_t num_features = 0;
};

}  // namespace nnx
