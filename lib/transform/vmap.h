// Batching as Graph -> Graph.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace nnx {

// A Graph over a batch, and which of its outputs have the leading axis: those that depend on a batched input.
struct Batched {
  Graph graph;
  std::vector<bool> outputs;
};

// The Graph over a batch of `size`: inputs with batched[i] gain a leading axis, and so do the outputs that depend on
// them, and those that `wanted` names (broadcast; empty: none). Constants and what only they reach stay unbatched. Throws
// ErrorKind::internal naming an op that has neither a batching rule nor an expansion.
Batched batch(const Graph& graph, const std::vector<bool>& batched, int64_t size, const std::vector<bool>& wanted = {});

// The same with a leading axis on every output: broadcast where nothing batched reaches it.
Graph vmap(const Graph& graph, const std::vector<bool>& batched, int64_t size);

}  // namespace nnx
