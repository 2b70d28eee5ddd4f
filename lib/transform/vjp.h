// Reverse mode as Graph -> Graph.
#pragma once

#include "graph/graph.h"

namespace nnx {

// The Graph (inputs..., cotangents...) -> (outputs..., gradients...): cotangents for the outputs listed in `of`,
// gradients for the inputs listed in `wrt`, in those orders; a gradient nothing contributes to is zeros. Guards of
// `graph` stay. Only nodes between wrt and of are differentiated; shared values sum their cotangents, in an order that
// does not depend on the recording. Throws ErrorKind::shape when an input of wrt or an output of `of` is not floating,
// and ErrorKind::internal naming an op that has neither a vjp rule nor an expansion.
Graph vjp(const Graph& graph, const std::vector<int>& wrt, const std::vector<int>& of);

// The Graph (inputs...) -> (outputs..., gradients of outputs[0], which must be a float scalar, for wrt...).
Graph value_and_grad(const Graph& graph, const std::vector<int>& wrt);

}  // namespace nnx
