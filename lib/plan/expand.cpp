#include <fmt/format.h>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "plan/bodies.h"
#include "plan/kernel_choice.h"
#include "plan/passes.h"
#include "plan/rebuild.h"

namespace nnx::plan {
namespace {

bool needs_expansion(const Graph& graph, const Node& node) {
  if (node.kind != NodeKind::op || is_view_op(*node.op) || node.op == &copy_op || runs_body(*node.op)) return false;
  if (has_native_kernel(*node.op, node.attrs, input_types(graph, node), node.types)) return false;
  if (node.op->expand) return true;
  fail(ErrorKind::internal,
       {.where = "plan",
        .message = fmt::format("no kernel and no expansion for {} -> {}", node.op->name, node.types[0].to_string())});
}

Array finite_check(const Array& value) {
  if (!is_floating(value.dtype())) return {};
  return all(is_finite(value.dtype() == DType::bf16 ? cast(value, DType::f32) : value));
}

}  // namespace

Graph expand(const Graph& graph) {
  Graph expanded =
      graph.guards.empty()
          ? graph
          : rebuild(
                graph, [](const Node& node, std::span<const Array> in) { return emit(*node.op, node.attrs, in); },
                finite_check);
  // An expansion may use ops that expand in turn; a cycle among expansions would never end.
  for (int depth = 0; depth < 16; ++depth) {
    bool changed = false;
    for (const Node& node : expanded.nodes) changed = changed || needs_expansion(expanded, node);
    if (!changed) return expanded;
    expanded = linearize(rebuild(expanded, [&](const Node& node, std::span<const Array> in) {
      return needs_expansion(expanded, node) ? node.op->expand(in, node.attrs) : emit(*node.op, node.attrs, in);
    }));
  }
  fail(ErrorKind::internal, {.where = "plan", .message = "expansions of ops do not end"});
}

}  // namespace nnx::plan
