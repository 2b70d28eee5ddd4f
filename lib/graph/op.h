// An OpDef is everything nnx knows about one op: plain data, one record an op, listed by all_ops() of ops/.
//
//   const OpDef tanh_op{.name = "tanh", .family = Family::elementwise, .infer = same_as_first,
//                       .vjp = [](const VjpArgs& a) { return Arrays{a.ct[0] * (1 - square(a.out[0]))}; },
//                       .batch = batch_elementwise};
//
// Rules are written with the public ops and so emit nodes; they see Arrays only. An op with `expand` is defined by other
// ops: what it leaves out (vjp, batch, a kernel) follows from the expansion.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/array.h"
#include "graph/attrs.h"

namespace nnx {

using Arrays = std::vector<Array>;

enum class Family { elementwise, reduce, shape, contraction, index, random, higher_order, neural };

struct OpDef;

// What a vjp rule sees. `ct` are the cotangents of the outputs; an undefined Array is a zero.
struct VjpArgs {
  const OpDef& op;   // the op itself: rules shared by a family ask which one it is
  std::span<const Array> in;
  std::span<const Array> out;
  std::span<const Array> ct;
  const Attrs& attrs;
};

// What a batching rule sees: batched inputs carry the batch as their axis 0, the others have none. At least one is
// batched. Every output of a rule is batched on its axis 0.
struct BatchArgs {
  const OpDef& op;
  std::span<const Array> in;
  std::span<const bool> batched;
  int64_t size;
  const Attrs& attrs;
};

struct OpDef {
  std::string_view name;
  Family family;
  // Types of the outputs; throws ErrorKind::shape for inputs that do not fit.
  std::vector<Type> (*infer)(std::span<const Type> in, const Attrs& attrs);
  // Cotangents of the inputs, one each; undefined for a zero or an input that has no gradient.
  Arrays (*vjp)(const VjpArgs& args) = nullptr;
  Arrays (*batch)(const BatchArgs& args) = nullptr;
  Arrays (*expand)(std::span<const Array> in, const Attrs& attrs) = nullptr;
  bool differentiable = true;   // false: gradients stop here (comparisons, integer results)
};

}  // namespace nnx
