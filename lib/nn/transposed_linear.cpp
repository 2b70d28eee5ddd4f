#include "nn/transposed_linear.h"

namespace nnx {

// The initial kernel is that of a Linear of these sizes, so that the fans are the right ones.
TransposedLinear::TransposedLinear(int64_t in, int64_t out, Rngs& rngs, bool use_bias, const Initializer& kernel_init,
                                   const Initializer& bias_init) {
  kernel = Param(transpose(kernel_init(rngs.params(), {in, out})));
  if (use_bias) bias = Param(bias_init(rngs.params(), {out}));
  in_features = in;
  out_features = out;
}

TransposedLinear::TransposedLinear(const Linear& linear, Param transposed_kernel) {
  kernel = std::move(transposed_kernel);
  bias = linear.bias;
  in_features = linear.in_features;
  out_features = linear.out_features;
}

}  // namespace nnx
