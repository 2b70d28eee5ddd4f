// A vjp in two halves, one that runs forward and one that runs backward, with what has to be kept in between.
//
// The forward half is what the outputs are made of; all else, also what the rules compute from its values alone, belongs
// to the backward half. What that reads of the forward half is, value by value,
// - read again, when it is an input that is at hand on the way back as well, or a constant;
// - computed again, when elementwise, shape and random ops make it of less bytes than it has (of what is at hand: of
//   none), or of very few: a dropout mask comes from its key again, and a broadcast or a transpose from what is under it;
// - kept, otherwise: it becomes one more output of the forward half.
#pragma once

#include "transform/body_rules.h"

namespace nnx {

struct Cut {
  Graph forward;            // inputs -> (outputs..., kept...)
  std::vector<int> kept;    // outputs of `forward` that `backward` takes
  std::vector<int> reread;  // inputs of `forward` that `backward` takes
  Graph backward;           // (reread..., kept..., cotangents...) -> gradients
};

// `graph` is a vjp: (inputs..., cotangents...) -> (outputs..., gradients...), with at_hand.size() inputs and
// reusable.size() outputs. An output that is `reusable` may be kept as it is.
Cut cut(const Graph& graph, const Flags& at_hand, const Flags& reusable);

}  // namespace nnx
