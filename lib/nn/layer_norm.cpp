#include "nn/layer_norm.h"

#include "nn/last_axis.h"
#include "nn/masked_moments.h"

namespace nnx {

LayerNorm::LayerNorm(const LayerNormOptions& o, Rngs& rngs) : epsilon(o.epsilon), num_features(o.num_features) {
  if (o.use_scale) scale = Param(ones_init()(rngs.params(), {num_features}));
  if (o.use_bias) bias = Param(zeros_init()(rngs.params(), {num_features}));
}

Array LayerNorm::operator()(const Array& x, const Array& mask) {
  expect_last_axis(*this, x, num_features);
  if (!mask.defined()) return layer_norm(x, scale ? scale.get() : Array(), bias ? bias.get() : Array(), epsilon);
  const MaskedMoments kept = masked_moments(x, mask, {-1}, true);
  Array y = (x - kept.mean) * rsqrt(kept.var + epsilon);
  if (scale) y = y * scale;
  return bias ? y + bias : y;
}

CallValue LayerNorm::call(const CallArguments& arguments, const CallKeywords& keywords) {
  constexpr std::array<std::string_view, 2> names{"x", "mask"};
  const auto given = detail::arrange_arguments("LayerNorm", 2, names, arguments, keywords);
  return (*this)(given[0].as<Array>(), given[1].empty() ? Array() : given[1].as<Array>());
}

}  // namespace nnx
