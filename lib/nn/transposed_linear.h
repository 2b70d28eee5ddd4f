// TransposedLinear: y = x kernel^T + bias over the last axis, for a kernel that belongs to another layer, too.
//
//   surgery:
//     - tie: decoder.kernel              # becomes a TransposedLinear with the kernel of the encoder
//       to: encoder.kernel
//       transpose: true
#pragma once

#include "nn/linear.h"

namespace nnx {

class TransposedLinear : public Module<TransposedLinear, Linear> {
 public:
  TransposedLinear() = default;
  TransposedLinear(int64_t in_features, int64_t out_features, Rngs& rngs, bool use_bias = true,
                   const Initializer& kernel_init = lecun_normal(), const Initializer& bias_init = zeros_init());
  // In the place of `linear`, whose bias it keeps; the kernel is [out_features, in_features].
  TransposedLinear(const Linear& linear, Param transposed_kernel);
  Array operator()(const Array& x) override { return apply(x, transpose(kernel)); }
  static void fields(auto& self, auto&& f) { Linear::fields(self, f); }
};

}  // namespace nnx
