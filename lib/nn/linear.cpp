#include "nn/linear.h"

#include "nn/last_axis.h"

namespace nnx {

Linear::Linear(int64_t in, int64_t out, Rngs& rngs, bool use_bias, const Initializer& kernel_init, const Initializer& bias_init)
    : in_features(in), out_features(out) {
  kernel = Param(kernel_init(rngs.params(), {in, out}));
  if (use_bias) bias = Param(bias_init(rngs.params(), {out}));
}

Array Linear::apply(const Array& x, const Array& matrix) const {
  expect_last_axis(*this, x, in_features);
  const Array y = matmul(x, matrix);
  return bias ? y + bias : y;
}

}  // namespace nnx
