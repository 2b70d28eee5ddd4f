// Linear: y = x kernel + bias over the last axis.
#pragma once

#include "nn/layer.h"

namespace nnx {

struct LinearOptions {
  int64_t in_features = 0, out_features = 0;
  bool use_bias = true;
  ConfigNode kernel_init{"lecun_normal"}, bias_init{"zeros"};
  static void fields(auto& self, auto&& f) {
    f("in_features", self.in_features, Field{.help = "size of the last axis of the input"}.at_least(1).must());
    f("out_features", self.out_features, Field{.help = "size of the last axis of the output"}.at_least(1).must());
    f("use_bias", self.use_bias, Field{.help = "whether a bias is added"});
    f("kernel_init", self.kernel_init, component("initializer", Field{.help = "initializer of the kernel"}));
    f("bias_init", self.bias_init, component("initializer", Field{.help = "initializer of the bias"}));
  }
};

class Linear : public Module<Linear, Layer> {
 public:
  Linear() = default;
  Linear(int64_t in_features, int64_t out_features, Rngs& rngs, bool use_bias = true,
         const Initializer& kernel_init = lecun_normal(), const Initializer& bias_init = zeros_init());
  // x [..., in_features] -> [..., out_features]
  Array operator()(const Array& x) override;
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("in_features", self.in_features);
    f("out_features", self.out_features);
  }

  Param kernel;   // [in_features, out_features]
  Param bias;     // [out_features], or empty
  int64_t in_features = 0, out_features = 0;
};

Ref<Layer> make_linear(const LinearOptions& options, Diagnostics& diagnostics, Rngs& rngs);

}  // namespace nnx
