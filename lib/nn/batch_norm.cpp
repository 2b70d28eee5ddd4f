#include "nn/batch_norm.h"

#include <numeric>

#include "nn/last_axis.h"
#include "nn/masked_moments.h"

namespace nnx {
namespace {

// {mean, var} over all axes but the last.
Arrays batch_moments(const Array& x, const Array& mask) {
  if (!mask.defined()) return moments(x);
  Axes axes(static_cast<size_t>(x.rank() - 1));
  std::iota(axes.begin(), axes.end(), 0);
  const MaskedMoments kept = masked_moments(x, mask, axes, false);
  return {kept.mean, kept.var};
}

}  // namespace

BatchNorm::BatchNorm(const BatchNormOptions& o, Rngs& rngs)
    : mean(zeros({o.num_features})), var(ones({o.num_features})), momentum(o.momentum), epsilon(o.epsilon), num_features(o.num_features) {
  if (o.use_scale) scale = Param(ones_init()(rngs.params(), {num_features}));
  if (o.use_bias) bias = Param(zeros_init()(rngs.params(), {num_features}));
}

Array BatchNorm::operator()(const Array& x, std::optional<bool> override_running, const Array& mask) {
  expect_last_axis(*this, x, num_features);
  if (!override_running && is_frozen(mean.metadata())) return (*this)(x, true);
  const Array gain = scale ? scale.get() : Array(), shift = bias ? bias.get() : Array();
  if (override_running.value_or(use_running_average)) return batch_norm(x, mean, var, gain, shift, epsilon);
  const Arrays batch = batch_moments(x, mask);
  const Array keep = momentum.array();
  const Array take = 1 - keep;
  const Array new_mean = keep * mean.get() + take * stop_gradient(batch[0]);
  const Array new_var = keep * var.get() + take * stop_gradient(batch[1]);
  mean.set(new_mean);
  var.set(new_var);
  return batch_norm(x, batch[0], batch[1], gain, shift, epsilon);
}

CallValue BatchNorm::call(const CallArguments& arguments, const CallKeywords& keywords) {
  constexpr std::array<std::string_view, 3> names{"x", "use_running_average", "mask"};
  const auto given = detail::arrange_arguments("BatchNorm", 3, names, arguments, keywords);
  return (*this)(given[0].as<Array>(), given[1].empty() ? std::nullopt : std::optional(given[1].as<bool>()),
                 given[2].empty() ? Array() : given[2].as<Array>());
}

}  // namespace nnx
