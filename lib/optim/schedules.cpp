#include "optim/schedules.h"

#include <fmt/format.h>

#include <numbers>

namespace nnx::optim {
namespace {

// The factor of a cosine after `count` of `steps` (f32 scalars, steps > 0): from 1 down to alpha.
Array cosine_factor(const Array& count, const Array& steps, const Array& alpha, const Array& exponent) {
  const Array turn = cos(minimum(count, steps) / steps * std::numbers::pi);
  return (1.0 - alpha) * pow((1.0 + turn) * 0.5, exponent) + alpha;
}

}  // namespace

Array Cosine::operator()(const Array& count) {
  return init_value.array() * cosine_factor(cast(count, DType::f32), decay_steps, alpha, exponent);
}

WarmupCosine::WarmupCosine(double init, double peak, double warmup, double decay, double end, double power)
    : init_value(init), peak_value(peak), warmup_steps(warmup), decay_steps(decay), end_value(end), exponent(power) {
  if (warmup < decay) return;
  fail(ErrorKind::usage, {.where = "decay_steps",
                          .expected = fmt::format("more than the {} warmup_steps", warmup),
                          .got = fmt::format("{}", decay),
                          .hint = "decay_steps counts the warmup too"});
}

Array WarmupCosine::operator()(const Array& count) {
  const Array c = cast(count, DType::f32), warmup = warmup_steps, peak = peak_value, start = init_value;
  // Without warmup the line is not used; its divisor must not be 0 all the same.
  const Array rising = start + (peak - start) * (c / maximum(warmup, 1.0));
  // Optax's alpha is end / peak; a peak of 0 stays 0.
  const Array alpha = select(equal(peak, 0.0), zeros({}), end_value.array() / peak);
  const Array falling = peak * cosine_factor(c - warmup, decay_steps.array() - warmup, alpha, exponent);
  return select(less(c, warmup), rising, falling);
}

}  // namespace nnx::optim
