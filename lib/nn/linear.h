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
  Array operator()(const Array& x) override { return apply(x, kernel); }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("in_features", self.in_features);
    f("out_features", self.out_features);
  }

  Param kernel;   // [in_features, out_features]
  Param bias;     // [out_features], or empty
  int64_t in_features = 0, out_features = 0;

 protected:
  // x matrix + bias; throws ErrorKind::shape for another last axis than in_features.
  Array apply(const Array& x, const Array& matrix) const;
};

// A Linear, or one that derives from it and is made of the same arguments.
template <std::derived_from<Linear> L>
Ref<Layer> make_linear(const LinearOptions& o, Diagnostics& diagnostics, Rngs& rngs) {
  const Initializer kernel_init = initializers().build(o.kernel_init, diagnostics);
  const Initializer bias_init = initializers().build(o.bias_init, diagnostics);
  return make<L>(o.in_features, o.out_features, rngs, o.use_bias, kernel_init, bias_init);
}

}  // namespace nnx
