// rebuild() walks a Graph in order and records it anew, letting a pass replace nodes: the frame of Graph -> Graph
// passes.
//
//   Graph without_casts = rebuild(graph, [](const Node& node, std::span<const Array> in) -> Arrays {
//     return node.op->name == "cast" ? Arrays{in[0]} : emit(*node.op, node.attrs, in);
//   });
#pragma once

#include <functional>

#include "graph/trace.h"

namespace nnx::plan {

// `rewrite` sees each op node with its new operands and gives its outputs; `guards` may replace the guarded values by
// recording more (null keeps them). An undefined result of `guards` drops the guard.
Graph rebuild(const Graph& graph, const std::function<Arrays(const Node&, std::span<const Array>)>& rewrite,
              const std::function<Array(const Array&)>& guards = nullptr);

}  // namespace nnx::plan
