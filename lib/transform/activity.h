// Where a gradient flows: along floating values, through ops that are differentiable, and through bodies by their rules.
#pragma once

#include <algorithm>

#include "transform/body_rules.h"

namespace nnx {

inline bool any_of(const Flags& flags) { return std::ranges::find(flags, true) != flags.end(); }

using ValueFlags = std::vector<Flags>;   // by node and output

// The values that depend on the flagged inputs and on which a flagged output depends.
ValueFlags active_values(const Graph& graph, const Flags& inputs, const Flags& outputs);

// Which outputs depend on the flagged inputs, and on which inputs the flagged outputs depend.
Flags varying_outputs(const Graph& graph, const Flags& inputs);
Flags needed_inputs(const Graph& graph, const Flags& outputs);

}  // namespace nnx
