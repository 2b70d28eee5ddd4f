#include "ops/elementwise.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "ops/checks.h"
#include "ops/elementwise_rules.h"
#include "ops/families.h"
#include "ops/shape.h"

namespace nnx {
namespace {

bool holds(DType dtype, double value) {
  switch (dtype) {
    case DType::f32:
    case DType::f64:
    case DType::bf16: return true;
    case DType::i32:
      return value == std::trunc(value) && value >= std::numeric_limits<int32_t>::min() &&
             value <= std::numeric_limits<int32_t>::max();
    case DType::u32: return value == std::trunc(value) && value >= 0 && value <= std::numeric_limits<uint32_t>::max();
    case DType::boolean: return value == 0 || value == 1;
  }
  return false;
}

// `value` in the type of `other`; a number that this dtype cannot hold is an error rather than another number.
Array number(const OpDef& op, double value, const Array& other) {
  if (!holds(other.dtype(), value))
    fail(ErrorKind::shape, {.where = std::string(op.name),
                            .expected = fmt::format("a number that {} can hold, beside {}", name_of(other.dtype()),
                                                    other.type().to_string()),
                            .got = fmt::format("{}", value)});
  return full(other.shape(), value, other.dtype());
}

std::vector<Type> types_of(const Arrays& arrays) {
  std::vector<Type> types;
  for (const Array& a : arrays) types.push_back(a.type());
  return types;
}

}  // namespace

std::span<const OpDef* const> elementwise_ops() {
  static const std::vector<const OpDef*> ops = [] {
    std::vector<const OpDef*> list;
    for (const auto part : {arithmetic_ops, function_ops, logic_ops})
      for (const OpDef* op : part()) list.push_back(op);
    return list;
  }();
  return ops;
}

Arrays broadcast_together(const OpDef& op, const Arrays& inputs, size_t first_typed) {
  for (size_t i = first_typed; i < inputs.size(); ++i)
    if (inputs[i].dtype() != inputs[first_typed].dtype()) fail_types(op.name, "one dtype", types_of(inputs));
  Shape shape;
  for (const Array& x : inputs)
    if (!broadcast_shapes(shape, x.shape(), shape)) fail_types(op.name, "shapes that broadcast", types_of(inputs));
  Arrays out;
  for (const Array& x : inputs) out.push_back(x.shape() == shape ? x : broadcast_to(x, shape));
  return out;
}

Array emit_binary(const OpDef& op, const Array& a, const Array& b) {
  return emit(op, {}, broadcast_together(op, {a, b})).front();
}
Array emit_binary(const OpDef& op, const Array& a, double b) { return emit1(op, {}, {a, number(op, b, a)}); }
Array emit_binary(const OpDef& op, double a, const Array& b) { return emit1(op, {}, {number(op, a, b), b}); }

}  // namespace nnx
