// Arithmetic, and the functions of numbers that are made of it.
#include <array>

#include "ops/elementwise.h"
#include "ops/elementwise_rules.h"
#include "ops/families.h"
#include "ops/shape.h"
#include "ops/signature.h"

namespace nnx {
namespace {


constexpr OpDef add_op{.name = "add", .family = Family::elementwise, .infer = same_type<"add", dtypes::numbers, 2>,
                       .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0], v.ct[0]}; },
                       .batch = batch_as_elementwise};

constexpr OpDef sub_op{.name = "sub", .family = Family::elementwise, .infer = same_type<"sub", dtypes::numbers, 2>,
                       .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0], negative(v.ct[0])}; },
                       .batch = batch_as_elementwise};

constexpr OpDef mul_op{.name = "mul", .family = Family::elementwise, .infer = same_type<"mul", dtypes::numbers, 2>,
                       .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * v.in[1], v.ct[0] * v.in[0]}; },
                       .batch = batch_as_elementwise};

constexpr OpDef div_op{.name = "div", .family = Family::elementwise, .infer = same_type<"div", dtypes::floats, 2>,
                       .vjp = [](const VjpArgs& v) {
                         const Array da = v.ct[0] / v.in[1];
                         return Arrays{da, negative(da * v.out[0])};
                       },
                       .batch = batch_as_elementwise};

// a - b * trunc(a / b), where the quotient is read off the result, exactly.
constexpr OpDef rem_op{.name = "rem", .family = Family::elementwise, .infer = same_type<"rem", dtypes::numbers, 2>,
                       .vjp = [](const VjpArgs& v) {
                         const Array quotient = round((v.in[0] - v.out[0]) / v.in[1]);
                         return Arrays{v.ct[0], negative(v.ct[0] * quotient)};
                       },
                       .batch = batch_as_elementwise};

// b a^(b-1) and log(a) a^b; a^0 is constant in a also at a = 0, and 0^b is taken as constant in b.
constexpr OpDef pow_op{.name = "pow", .family = Family::elementwise, .infer = same_type<"pow", dtypes::floats, 2>,
                       .vjp = [](const VjpArgs& v) {
                         const Array &a = v.in[0], &b = v.in[1], &ct = v.ct[0];
                         const Array power = pow(a, select(equal(b, 0), ones_like(b), b - 1));
                         const Array log_a = log(select(equal(a, 0), ones_like(a), a));
                         return Arrays{ct * (b * power), ct * (v.out[0] * log_a)};
                       },
                       .batch = batch_as_elementwise};

// The cotangent goes to whichever input won; each gets half at a tie, and neither where a NaN decided.
Arrays choose_cotangent(const Array& ct, const Array& first_won, const Array& second_won, const Array& tie) {
  const Array at_tie = select(tie, ct * 0.5, zeros_like(ct));
  return {select(first_won, ct, at_tie), select(second_won, ct, at_tie)};
}

constexpr OpDef maximum_op{.name = "maximum", .family = Family::elementwise, .infer = same_type<"maximum", dtypes::numbers, 2>,
                           .vjp = [](const VjpArgs& v) {
                             const Array &a = v.in[0], &b = v.in[1];
                             return choose_cotangent(v.ct[0], greater(a, b), less(a, b), equal(a, b));
                           },
                           .batch = batch_as_elementwise};

constexpr OpDef minimum_op{.name = "minimum", .family = Family::elementwise, .infer = same_type<"minimum", dtypes::numbers, 2>,
                           .vjp = [](const VjpArgs& v) {
                             const Array &a = v.in[0], &b = v.in[1];
                             return choose_cotangent(v.ct[0], less(a, b), greater(a, b), equal(a, b));
                           },
                           .batch = batch_as_elementwise};

constexpr OpDef negative_op{.name = "negative", .family = Family::elementwise, .infer = same_type<"negative", dtypes::numbers>,
                            .vjp = [](const VjpArgs& v) { return Arrays{negative(v.ct[0])}; },
                            .batch = batch_as_elementwise};

constexpr OpDef abs_op{.name = "abs", .family = Family::elementwise, .infer = same_type<"abs", dtypes::numbers>,
                       .vjp = [](const VjpArgs& v) { return Arrays{v.ct[0] * sign(v.in[0])}; },
                       .batch = batch_as_elementwise};

constexpr OpDef sign_op{.name = "sign", .family = Family::elementwise, .infer = same_type<"sign", dtypes::numbers>,
                        .batch = batch_as_elementwise, .differentiable = false};

}  // namespace

std::span<const OpDef* const> arithmetic_ops() {
  static constexpr std::array ops{&add_op,     &sub_op,     &mul_op,      &div_op, &rem_op, &pow_op,
                                  &maximum_op, &minimum_op, &negative_op, &abs_op, &sign_op};
  return ops;
}

Array add(const Array& a, const Array& b) { return emit_binary(add_op, a, b); }
Array add(const Array& a, double b) { return emit_binary(add_op, a, b); }
Array sub(const Array& a, const Array& b) { return emit_binary(sub_op, a, b); }
Array sub(const Array& a, double b) { return emit_binary(sub_op, a, b); }
Array sub(double a, const Array& b) { return emit_binary(sub_op, a, b); }
Array mul(const Array& a, const Array& b) { return emit_binary(mul_op, a, b); }
Array mul(const Array& a, double b) { return emit_binary(mul_op, a, b); }
Array div(const Array& a, const Array& b) { return emit_binary(div_op, a, b); }
Array div(const Array& a, double b) { return emit_binary(div_op, a, b); }
Array div(double a, const Array& b) { return emit_binary(div_op, a, b); }
Array rem(const Array& a, const Array& b) { return emit_binary(rem_op, a, b); }
Array pow(const Array& a, const Array& b) { return emit_binary(pow_op, a, b); }
Array maximum(const Array& a, const Array& b) { return emit_binary(maximum_op, a, b); }
Array maximum(const Array& a, double b) { return emit_binary(maximum_op, a, b); }
Array minimum(const Array& a, const Array& b) { return emit_binary(minimum_op, a, b); }
Array minimum(const Array& a, double b) { return emit_binary(minimum_op, a, b); }
Array negative(const Array& x) { return emit1(negative_op, {}, {x}); }
Array abs(const Array& x) { return emit1(abs_op, {}, {x}); }
Array sign(const Array& x) { return emit1(sign_op, {}, {x}); }

Array square(const Array& x) { return mul(x, x); }
Array reciprocal(const Array& x) { return div(1, x); }

Array pow(const Array& a, double b) {
  expect_dtype("pow", dtypes::floats, a.type());
  if (b == 2) return square(a);
  if (b == -1) return reciprocal(a);
  if (b == 0.5) return sqrt(a);
  if (b == -0.5) return rsqrt(a);
  return emit_binary(pow_op, a, b);
}

Array clip(const Array& x, const Array& low, const Array& high) { return minimum(maximum(x, low), high); }
Array clip(const Array& x, double low, double high) { return minimum(maximum(x, low), high); }

}  // namespace nnx
