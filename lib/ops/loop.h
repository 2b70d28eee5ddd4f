// Ops with a body Graph.
#pragma once

#include "graph/trace.h"

namespace nnx {

// The outputs of `body` for these inputs, as one node: its Graph is an attribute, compared by structure. Gradient, batching
// and plans go through the expansion, which is the body itself.
// Throws ErrorKind::shape unless the inputs have the types of the body's.
Arrays call(const GraphRef& body, std::span<const Array> inputs);

}  // namespace nnx
