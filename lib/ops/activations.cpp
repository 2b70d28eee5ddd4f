// Activations. relu and gelu are ops with a kernel; the others are elementwise chains, which the plan fuses.
#include <fmt/format.h>

#include <numbers>

#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/neural.h"
#include "ops/neural_rules.h"
#include "ops/shape.h"
#include "ops/signature.h"

namespace nnx {
namespace {

constexpr OpDef relu_op{
    .name = "relu",
    .family = Family::neural,
    .infer = same_type<"relu", dtypes::floats>,
    .vjp = [](const VjpArgs& args) {
      const Array& ct = args.ct[0];
      return Arrays{select(greater(args.out[0], 0.0), ct, zeros({}, ct.dtype()))};
    },
    .batch = batch_as_elementwise,
    .expand = [](std::span<const Array> in, const Attrs&) { return Arrays{maximum(in[0], 0.0)}; },
};

// The tanh form is written with the logistic function, (1 + tanh u) / 2 = logistic(2 u): fewer steps, and exact to the
// last bits where 1 + tanh u would cancel. Its argument 2 u is x * (a x^2 + b).
constexpr double gelu_b = 1.5957691216057308;   // 2 sqrt(2 / pi)
constexpr double gelu_a = 0.044715 * gelu_b;

// The standard normal distribution function of x, exactly or in the tanh form: gelu(x) is x times this.
Array gelu_weight(const Array& x, bool approximate) {
  if (approximate) return logistic(x * (square(x) * gelu_a + gelu_b));
  return (erf(x * (1 / std::numbers::sqrt2)) + 1.0) * 0.5;
}

Arrays vjp_gelu(const VjpArgs& args) {
  const Array &x = args.in[0], &ct = args.ct[0];
  const bool approximate = args.attrs.as<GeluAttrs>().approximate;
  const Array weight = gelu_weight(x, approximate);
  // The derivative is one value, which a forward pass can compute beside the result and keep.
  if (approximate) return {ct * (weight * (x * (1.0 - weight) * (square(x) * (3 * gelu_a) + gelu_b) + 1.0))};
  const Array density = exp(square(x) * -0.5) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return {ct * (weight + x * density)};
}

constexpr OpDef gelu_op{
    .name = "gelu",
    .family = Family::neural,
    .infer = same_type<"gelu", dtypes::floats>,
    .vjp = vjp_gelu,
    .batch = batch_as_elementwise,
    .expand = [](std::span<const Array> in, const Attrs& attrs) {
      return Arrays{in[0] * gelu_weight(in[0], attrs.as<GeluAttrs>().approximate)};
    },
};

}  // namespace

std::span<const OpDef* const> activation_ops() {
  static constexpr const OpDef* ops[] = {&relu_op, &gelu_op};
  return ops;
}

Array relu(const Array& x) { return emit1(relu_op, {}, {x}); }
Array relu6(const Array& x) { return minimum(maximum(x, 0.0), 6.0); }
Array gelu(const Array& x, bool approximate) { return emit1(gelu_op, GeluAttrs{approximate}, {x}); }
Array silu(const Array& x) { return x * logistic(x); }
Array sigmoid(const Array& x) { return logistic(x); }
Array log_sigmoid(const Array& x) { return negative(softplus(negative(x))); }

// log(e^x + e^0) with the larger exponent m = max(x, 0) taken out: m + log1p(e^(x-m) + e^-m - 1). m is constant to
// derivatives, so that they are logistic(x) and its derivatives in every order, at 0 too, where max has none.
Array softplus(const Array& x) {
  const Array m = stop_gradient(maximum(x, 0.0));
  return m + log1p(exp(x - m) + expm1(negative(m)));
}

// The branch that is not taken sees 0: its derivative stays finite.
Array elu(const Array& x, double alpha) {
  const Array positive = greater(x, 0.0);
  return select(positive, x, expm1(select(positive, zeros({}, x.dtype()), x)) * alpha);
}

Array celu(const Array& x, double alpha) { return maximum(x, 0.0) + expm1(minimum(x, 0.0) / alpha) * alpha; }
Array selu(const Array& x) { return elu(x, 1.6732632423543772) * 1.0507009873554805; }
Array leaky_relu(const Array& x, double negative_slope) { return select(greater_equal(x, 0.0), x, x * negative_slope); }
Array hard_tanh(const Array& x) { return clip(x, -1, 1); }
Array hard_sigmoid(const Array& x) { return relu6(x + 3.0) / 6.0; }
Array hard_silu(const Array& x) { return x * hard_sigmoid(x); }
Array soft_sign(const Array& x) { return x / (abs(x) + 1.0); }
Array mish(const Array& x) { return x * tanh(softplus(x)); }
Array squareplus(const Array& x, double b) { return (x + sqrt(square(x) + b)) * 0.5; }

Array glu(const Array& x, int axis) {
  const int a = normalize_axis(axis, x.rank(), "glu");
  if (x.dim(a) % 2 != 0) fail_types("glu", fmt::format("an even dimension {}", a), {&x.type(), 1});
  const Arrays halves = split(x, 2, a);
  return halves[0] * logistic(halves[1]);
}

}  // namespace nnx
