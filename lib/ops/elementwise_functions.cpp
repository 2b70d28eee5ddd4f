// Functions of floats. Derivatives are written with the result where it saves the kernel a second evaluation.
#include <array>
#include <numbers>

#include "ops/elementwise.h"
#include "ops/elementwise_rules.h"
#include "ops/families.h"
#include "ops/signature.h"

namespace nnx {
namespace {


constexpr OpDef exp_op{.name = "exp", .family = Family::elementwise, .infer = same_type<"exp", dtypes::floats>,
                       .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * v.out[0]}; },
                       .batch = batch_as_elementwise};

constexpr OpDef expm1_op{.name = "expm1", .family = Family::elementwise, .infer = same_type<"expm1", dtypes::floats>,
                         .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * (v.out[0] + 1)}; },
                         .batch = batch_as_elementwise};

constexpr OpDef log_op{.name = "log", .family = Family::elementwise, .infer = same_type<"log", dtypes::floats>,
                       .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] / v.in[0]}; },
                       .batch = batch_as_elementwise};

constexpr OpDef log1p_op{.name = "log1p", .family = Family::elementwise, .infer = same_type<"log1p", dtypes::floats>,
                         .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] / (v.in[0] + 1)}; },
                         .batch = batch_as_elementwise};

constexpr OpDef sqrt_op{.name = "sqrt", .family = Family::elementwise, .infer = same_type<"sqrt", dtypes::floats>,
                        .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * 0.5 / v.out[0]}; },
                        .batch = batch_as_elementwise};

// -1/2 x^(-3/2)
constexpr OpDef rsqrt_op{.name = "rsqrt", .family = Family::elementwise, .infer = same_type<"rsqrt", dtypes::floats>,
                         .vjp = [](const VjpArgs& v) {
                           const Array& r = v.out[0];
                           return Arrays{v.ct[0] * -0.5 * (r * square(r))};
                         },
                         .batch = batch_as_elementwise};

constexpr OpDef sin_op{.name = "sin", .family = Family::elementwise, .infer = same_type<"sin", dtypes::floats>,
                       .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * cos(v.in[0])}; },
                       .batch = batch_as_elementwise};

constexpr OpDef cos_op{.name = "cos", .family = Family::elementwise, .infer = same_type<"cos", dtypes::floats>,
                       .vjp = [](const VjpArgs& v) { return Arrays{negative(v.ct[0] * sin(v.in[0]))}; },
                       .batch = batch_as_elementwise};

constexpr OpDef tanh_op{.name = "tanh", .family = Family::elementwise, .infer = same_type<"tanh", dtypes::floats>,
                        .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * (1 - square(v.out[0]))}; },
                        .batch = batch_as_elementwise};

// 2 / sqrt(pi) exp(-x^2)
constexpr OpDef erf_op{.name = "erf", .family = Family::elementwise, .infer = same_type<"erf", dtypes::floats>,
                       .vjp = [](const VjpArgs& v) {
                         return Arrays{v.ct[0] * (2 * std::numbers::inv_sqrtpi * exp(negative(square(v.in[0]))))};
                       },
                       .batch = batch_as_elementwise};

// sqrt(pi) / 2 exp(y^2)
constexpr OpDef erf_inv_op{.name = "erf_inv", .family = Family::elementwise, .infer = same_type<"erf_inv", dtypes::floats>,
                           .vjp = [](const VjpArgs& v) {
                             return Arrays{v.ct[0] * (0.5 / std::numbers::inv_sqrtpi * exp(square(v.out[0])))};
                           },
                           .batch = batch_as_elementwise};

constexpr OpDef logistic_op{.name = "logistic", .family = Family::elementwise, .infer = same_type<"logistic", dtypes::floats>,
                            .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * (v.out[0] * (1 - v.out[0]))}; },
                            .batch = batch_as_elementwise};

constexpr OpDef floor_op{.name = "floor", .family = Family::elementwise, .infer = same_type<"floor", dtypes::floats>,
                         .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef ceil_op{.name = "ceil", .family = Family::elementwise, .infer = same_type<"ceil", dtypes::floats>,
                        .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef round_op{.name = "round", .family = Family::elementwise, .infer = same_type<"round", dtypes::floats>,
                         .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef is_finite_op{.name = "is_finite", .family = Family::elementwise,
                             .infer = predicate<"is_finite", dtypes::floats, 1>,
                             .batch = batch_as_elementwise, .differentiable = false};

}  // namespace

std::span<const OpDef* const> function_ops() {
  static constexpr std::array ops{&exp_op,     &expm1_op,    &log_op,   &log1p_op, &sqrt_op,  &rsqrt_op,
                                  &sin_op,     &cos_op,      &tanh_op,  &erf_op,   &erf_inv_op,
                                  &logistic_op, &floor_op,   &ceil_op,  &round_op, &is_finite_op};
  return ops;
}

Array exp(const Array& x) { return emit1(exp_op, {}, {x}); }
Array expm1(const Array& x) { return emit1(expm1_op, {}, {x}); }
Array log(const Array& x) { return emit1(log_op, {}, {x}); }
Array log1p(const Array& x) { return emit1(log1p_op, {}, {x}); }
Array sqrt(const Array& x) { return emit1(sqrt_op, {}, {x}); }
Array rsqrt(const Array& x) { return emit1(rsqrt_op, {}, {x}); }
Array sin(const Array& x) { return emit1(sin_op, {}, {x}); }
Array cos(const Array& x) { return emit1(cos_op, {}, {x}); }
Array tanh(const Array& x) { return emit1(tanh_op, {}, {x}); }
Array erf(const Array& x) { return emit1(erf_op, {}, {x}); }
Array erf_inv(const Array& x) { return emit1(erf_inv_op, {}, {x}); }
Array logistic(const Array& x) { return emit1(logistic_op, {}, {x}); }
Array floor(const Array& x) { return emit1(floor_op, {}, {x}); }
Array ceil(const Array& x) { return emit1(ceil_op, {}, {x}); }
Array round(const Array& x) { return emit1(round_op, {}, {x}); }
Array is_finite(const Array& x) { return emit1(is_finite_op, {}, {x}); }

}  // namespace nnx
