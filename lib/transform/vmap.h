// Batching as Graph -> Graph.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace nnx {

// The Graph over a batch of `size`: inputs with batched[i] gain a leading axis; every output gains one (broadcast when
// nothing batched reaches it). Constants and what only they reach stay unbatched. Throws ErrorKind::internal naming an
// op that has neither a batching rule nor an expansion.
Graph vmap(const Graph& graph, const std::vector<bool>& batched, int64_t size);

}  // namespace nnx
