// Comparisons, bits, choice and conversions: ops whose results are not smooth in their inputs, or pass them on.
#include <array>

#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/elementwise_rules.h"
#include "ops/families.h"
#include "ops/shape.h"
#include "ops/signature.h"

namespace nnx {
namespace {


constexpr OpDef equal_op{.name = "equal", .family = Family::elementwise, .infer = predicate<"equal", dtypes::any>,
                         .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef not_equal_op{.name = "not_equal", .family = Family::elementwise, .infer = predicate<"not_equal", dtypes::any>,
                             .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef less_op{.name = "less", .family = Family::elementwise, .infer = predicate<"less", dtypes::numbers>,
                        .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef less_equal_op{.name = "less_equal", .family = Family::elementwise,
                              .infer = predicate<"less_equal", dtypes::numbers>,
                              .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef greater_op{.name = "greater", .family = Family::elementwise, .infer = predicate<"greater", dtypes::numbers>,
                           .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef greater_equal_op{.name = "greater_equal", .family = Family::elementwise,
                                 .infer = predicate<"greater_equal", dtypes::numbers>,
                                 .batch = batch_as_elementwise, .differentiable = false};

constexpr OpDef bitwise_and_op{.name = "bitwise_and", .family = Family::elementwise,
                               .infer = same_type<"bitwise_and", dtypes::bit_patterns, 2>,
                               .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef bitwise_or_op{.name = "bitwise_or", .family = Family::elementwise,
                              .infer = same_type<"bitwise_or", dtypes::bit_patterns, 2>,
                              .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef bitwise_xor_op{.name = "bitwise_xor", .family = Family::elementwise,
                               .infer = same_type<"bitwise_xor", dtypes::bit_patterns, 2>,
                               .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef bitwise_not_op{.name = "bitwise_not", .family = Family::elementwise,
                               .infer = same_type<"bitwise_not", dtypes::bit_patterns>,
                               .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef shift_left_op{.name = "shift_left", .family = Family::elementwise,
                              .infer = same_type<"shift_left", dtypes::integers, 2>,
                              .batch = batch_as_elementwise, .differentiable = false};
constexpr OpDef shift_right_logical_op{.name = "shift_right_logical", .family = Family::elementwise,
                                       .infer = same_type<"shift_right_logical", dtypes::unsigned_integers, 2>,
                                       .batch = batch_as_elementwise, .differentiable = false};

// (condition, on_true, on_false)
std::vector<Type> infer_select(std::span<const Type> in, const Attrs&) {
  if (in.size() != 3 || in[0].dtype != DType::boolean || in[1] != in[2] || in[0].shape != in[1].shape)
    fail_types("select", "a bool condition and two inputs of one type, all of one shape", in);
  return {in[1]};
}

constexpr OpDef select_op{.name = "select", .family = Family::elementwise, .infer = infer_select,
                          .vjp = [](const VjpArgs& v) {
                            const Array none = zeros_like(v.ct[0]);
                            return Arrays{{}, select(v.in[0], v.ct[0], none), select(v.in[0], none, v.ct[0])};
                          },
                          .batch = batch_as_elementwise};

constexpr OpDef cast_op{.name = "cast", .family = Family::elementwise,
                        .infer = [](std::span<const Type> in, const Attrs& attrs) {
                          expect_same_types("cast", dtypes::stored, 1, in);
                          return std::vector<Type>{{attrs.as<CastAttrs>().dtype, in[0].shape}};
                        },
                        .vjp = [](const VjpArgs& v) {
                          if (!is_floating(v.in[0].dtype())) return Arrays{Array()};
                          return Arrays{cast(v.ct[0], v.in[0].dtype())};
                        },
                        .batch = batch_as_elementwise};

constexpr OpDef bitcast_op{.name = "bitcast", .family = Family::elementwise,
                           .infer = [](std::span<const Type> in, const Attrs& attrs) {
                             expect_same_types("bitcast", dtypes::words, 1, in);
                             const Type to{attrs.as<CastAttrs>().dtype, in[0].shape};
                             expect_dtype("bitcast", dtypes::words, to);
                             return std::vector<Type>{to};
                           },
                           .batch = batch_as_elementwise,
                           .differentiable = false};

constexpr OpDef stop_gradient_op{.name = "stop_gradient", .family = Family::elementwise,
                                 .infer = same_type<"stop_gradient", dtypes::stored>,
                                 .batch = batch_as_elementwise, .differentiable = false};

}  // namespace

std::span<const OpDef* const> logic_ops() {
  static constexpr std::array ops{
      &equal_op,       &not_equal_op,  &less_op,        &less_equal_op,  &greater_op,    &greater_equal_op,
      &bitwise_and_op, &bitwise_or_op, &bitwise_xor_op, &bitwise_not_op, &shift_left_op, &shift_right_logical_op,
      &select_op,      &cast_op,       &bitcast_op,     &stop_gradient_op};
  return ops;
}

Array equal(const Array& a, const Array& b) { return emit_binary(equal_op, a, b); }
Array equal(const Array& a, double b) { return emit_binary(equal_op, a, b); }
Array not_equal(const Array& a, const Array& b) { return emit_binary(not_equal_op, a, b); }
Array less(const Array& a, const Array& b) { return emit_binary(less_op, a, b); }
Array less(const Array& a, double b) { return emit_binary(less_op, a, b); }
Array less_equal(const Array& a, const Array& b) { return emit_binary(less_equal_op, a, b); }
Array less_equal(const Array& a, double b) { return emit_binary(less_equal_op, a, b); }
Array greater(const Array& a, const Array& b) { return emit_binary(greater_op, a, b); }
Array greater(const Array& a, double b) { return emit_binary(greater_op, a, b); }
Array greater_equal(const Array& a, const Array& b) { return emit_binary(greater_equal_op, a, b); }
Array greater_equal(const Array& a, double b) { return emit_binary(greater_equal_op, a, b); }

Array bitwise_and(const Array& a, const Array& b) { return emit_binary(bitwise_and_op, a, b); }
Array bitwise_or(const Array& a, const Array& b) { return emit_binary(bitwise_or_op, a, b); }
Array bitwise_xor(const Array& a, const Array& b) { return emit_binary(bitwise_xor_op, a, b); }
Array bitwise_not(const Array& x) { return emit1(bitwise_not_op, {}, {x}); }
Array shift_left(const Array& a, const Array& b) { return emit_binary(shift_left_op, a, b); }
Array shift_right_logical(const Array& a, const Array& b) { return emit_binary(shift_right_logical_op, a, b); }

Array select(const Array& condition, const Array& on_true, const Array& on_false) {
  return emit(select_op, {}, broadcast_together(select_op, {condition, on_true, on_false}, 1)).front();
}

Array cast(const Array& x, DType dtype) { return x.dtype() == dtype ? x : emit1(cast_op, CastAttrs{dtype}, {x}); }
Array bitcast(const Array& x, DType dtype) { return x.dtype() == dtype ? x : emit1(bitcast_op, CastAttrs{dtype}, {x}); }
Array stop_gradient(const Array& x) { return emit1(stop_gradient_op, {}, {x}); }

}  // namespace nnx
