// Plain-loop kernels for every primitive, in every dtype it allows: the oracle of the tests, never the fast path.
#pragma once

#include "graph/trace.h"

namespace nnx::reference {

// Whether `op` has a reference kernel (every op without an expansion must).
bool has_kernel(const OpDef& op);

// Computes one op. Buffers are given with their types; outputs are allocated by the caller.
void run(const OpDef& op, const Attrs& attrs, std::span<const Type> in_types, std::span<const void* const> in,
         std::span<const Type> out_types, std::span<void* const> out);

// A whole Graph, node by node; ops without a kernel are expanded.
Arrays evaluate(const Graph& graph, std::span<const Array> inputs);

// Makes this the Evaluator of concrete ops: for tests of rooms below plan/.
void install_evaluator();

}  // namespace nnx::reference
