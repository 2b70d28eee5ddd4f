#include "nn/transposed_linear.h"

#include <fmt/format.h>

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

Array TransposedLinear::operator()(const Array& x) {
  if (x.rank() == 0 || x.dim(-1) != in_features)
    fail(ErrorKind::shape, {.where = "TransposedLinear", .expected = fmt::format("an input with last axis {}", in_features), .got = x.type().to_string()});
  const Array y = matmul(x, transpose(kernel));
  return bias ? y + bias : y;
}

Ref<Layer> make_transposed_linear(const LinearOptions& o, Diagnostics& diagnostics, Rngs& rngs) {
  const Initializer kernel_init = initializers().build(o.kernel_init, diagnostics);
  const Initializer bias_init = initializers().build(o.bias_init, diagnostics);
  return make<TransposedLinear>(o.in_features, o.out_features, rngs, o.use_bias, kernel_init, bias_init);
}

}  // namespace nnx
