#include "nn/layer_norm.h"

#include <fmt/format.h>

namespace nnx {

LayerNorm::LayerNorm(const LayerNormOptions& o, Rngs& rngs) : epsilon(o.epsilon), num_features(o.num_features) {
  if (o.use_scale) scale = Param(ones_init()(rngs.params(), {num_features}));
  if (o.use_bias) bias = Param(zeros_init()(rngs.params(), {num_features}));
}

Array LayerNorm::operator()(const Array& x) {
  if (x.rank() == 0 || x.dim(-1) != num_features)
    fail(ErrorKind::shape, {.where = "LayerNorm", .expected = fmt::format("an input with last axis {}", num_features), .got = x.type().to_string()});
  return layer_norm(x, scale ? scale.get() : Array(), bias ? bias.get() : Array(), epsilon);
}

}  // namespace nnx
