#include "nn/linear.h"

#include <fmt/format.h>

namespace nnx {

Linear::Linear(int64_t in, int64_t out, Rngs& rngs, bool use_bias, const Initializer& kernel_init, const Initializer& bias_init)
    : in_features(in), out_features(out) {
  kernel = Param(kernel_init(rngs.params(), {in, out}));
  if (use_bias) bias = Param(bias_init(rngs.params(), {out}));
}

Array Linear::operator()(const Array& x) {
  if (x.rank() == 0 || x.dim(-1) != in_features)
    fail(ErrorKind::shape, {.where = "Linear", .expected = fmt::format("an input with last axis {}", in_features), .got = x.type().to_string()});
  const Array y = matmul(x, kernel);
  return bias ? y + bias : y;
}

Ref<Layer> make_linear(const LinearOptions& o, Diagnostics& diagnostics, Rngs& rngs) {
  const Initializer kernel_init = initializers().build(o.kernel_init, diagnostics);
  const Initializer bias_init = initializers().build(o.bias_init, diagnostics);
  return make<Linear>(o.in_features, o.out_features, rngs, o.use_bias, kernel_init, bias_init);
}

}  // namespace nnx
