// Graphs the tests of transform/ share, and helpers to run them on the reference kernels.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "ops/ops.h"
#include "reference/reference.h"

namespace nnx::test {

inline Type f64(Shape shape) { return {DType::f64, shape}; }

inline Graph graph_of(const std::vector<Type>& types, const std::function<Arrays(std::span<const Array>)>& body) {
  return trace(types, body).graph;
}

// Values 1, 2, 3, ... times `step` with alternating signs.
inline Array counting(Shape shape, double step = 0.25) {
  std::vector<double> values(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = step * static_cast<double>(i + 1) * (i % 2 ? -1 : 1);
  return array(values, shape);
}

inline std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) { return error.what(); }
  return "";
}

inline size_t count_ops(const Graph& graph, std::string_view name) {
  size_t n = 0;
  for (const Node& node : graph.nodes) n += node.kind == NodeKind::op && node.op->name == name;
  return n;
}

// Ops with something missing or wrong, for the errors of the transforms.
inline std::vector<Type> infer_same(std::span<const Type> in, const Attrs&) { return {in[0]}; }
inline const OpDef bare_op{.name = "toy_bare", .family = Family::elementwise, .infer = infer_same};
inline const OpDef wrong_type_op{.name = "toy_wrong_type",
                                 .family = Family::elementwise,
                                 .infer = infer_same,
                                 .vjp = [](const VjpArgs& a) { return Arrays{expand_dims(a.ct[0], 0)}; },
                                 .batch = [](const BatchArgs& a) { return Arrays{expand_dims(a.in[0], 0)}; }};
inline const OpDef wrong_count_op{.name = "toy_wrong_count",
                                  .family = Family::elementwise,
                                  .infer = infer_same,
                                  .vjp = [](const VjpArgs&) { return Arrays{}; },
                                  .batch = [](const BatchArgs&) { return Arrays{}; }};
// x^3 by an expansion into an op that is itself an expansion.
inline const OpDef square_op{.name = "toy_square",
                             .family = Family::elementwise,
                             .infer = infer_same,
                             .expand = [](std::span<const Array> in, const Attrs&) { return Arrays{in[0] * in[0]}; }};
inline const OpDef cube_op{
    .name = "toy_cube",
    .family = Family::elementwise,
    .infer = infer_same,
    .expand = [](std::span<const Array> in, const Attrs&) { return Arrays{in[0] * emit1(square_op, {}, {in[0]})}; }};
inline const OpDef bad_expansion_op{
    .name = "toy_bad_expansion",
    .family = Family::elementwise,
    .infer = infer_same,
    .expand = [](std::span<const Array> in, const Attrs&) { return Arrays{expand_dims(in[0], 0)}; }};

}  // namespace nnx::test
