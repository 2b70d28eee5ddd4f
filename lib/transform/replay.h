// What the transforms share: running over a Graph inside an open trace, node by node.
//
//   TraceScope scope;                                   // inputs declared
//   const Replay r = replay(graph, inputs, record_node);
//   scope.finish(r.outputs(graph));
#pragma once

#include <functional>
#include <vector>

#include "graph/trace.h"

namespace nnx {

// The results of every node of a Graph, by node and output.
struct Replay {
  std::vector<Arrays> results;
  const Array& at(Value v) const { return results[v.node][v.out]; }
  Arrays outputs(const Graph& graph) const;
};

// What becomes of op node number `index`, given its replayed inputs; as many Arrays as the node has outputs.
using ReplayNode = std::function<Arrays(uint32_t index, std::span<const Array> in)>;

// Replays into the innermost open trace: constants as they are, op nodes through `node`, then the guards.
Replay replay(const Graph& graph, std::span<const Array> inputs, const ReplayNode& node);

// Records the expansion of an op node in place; throws ErrorKind::internal naming the op when its types differ.
Arrays replay_expansion(const Node& node, std::span<const Array> in);

// The same Graph numbered by a walk from its outputs and guards: two recordings of one computation, in whatever order,
// get equal numbers, so that nothing built from it (the order of sums of cotangents) depends on the recording order.
Graph renumbered(const Graph& graph);

}  // namespace nnx
