// Ops with body Graphs: loops, branches, and what a gradient treats in a way of its own.
//
//   Traced body = trace({x.type(), slice_type}, [](std::span<const Array> in) { return Arrays{in[0] + in[1], in[0]}; });
//   ScanResult r = scan(std::make_shared<const Graph>(body.graph), {}, {x}, {xs}, 7);   // r.carries[0], r.ys[0] [7, ...]
//
// A body is an attribute of its node, compared by structure. It captures nothing: everything comes in as input. A guard
// inside a body leaves it here: it becomes a guard of the trace around the op, under its name. Gradients and batching of
// these ops transform their bodies (transform/body_rules.h). All of them throw ErrorKind::shape when the inputs or outputs
// of a body do not fit.
#pragma once

#include "graph/trace.h"

namespace nnx {

// The outputs of `body` for these inputs, as one node that plans and transforms replace by the body itself.
Arrays call(const GraphRef& body, std::span<const Array> inputs);

// The body over `length` slices: carries go from one to the next, ys are stacked along a new leading axis.
//   body: (constants..., carries..., a slice of each xs...) -> (carries..., a slice of each ys...)
// xs have a leading axis of size `length`; with `reverse` the last slice comes first (ys keep the places of their xs).
// `unroll` bodies make one longer body, with a shorter scan for the rest; no loop is left when unroll >= length. A scan of
// length 0 gives the carries as they came and empty ys.
struct ScanResult {
  Arrays carries, ys;
};
ScanResult scan(const GraphRef& body, std::span<const Array> constants, std::span<const Array> carries,
                std::span<const Array> xs, int64_t length, bool reverse = false, int64_t unroll = 1);

// The carries after the body ran for as long as the condition holds; no gradient in reverse mode.
//   condition: (condition constants..., carries...) -> bool[];  body: (body constants..., carries...) -> carries...
Arrays while_loop(const GraphRef& condition, std::span<const Array> condition_constants, const GraphRef& body,
                  std::span<const Array> body_constants, std::span<const Array> carries);

// The outputs of branches[index] (i32[], clamped into their range); all branches have equal inputs and outputs.
Arrays switch_case(const Array& index, const std::vector<GraphRef>& branches, std::span<const Array> operands);

// The outputs of `body`. Its gradient computes the body again rather than keep what it computed.
Arrays remat(const GraphRef& body, std::span<const Array> inputs);

// The outputs of `body`; where a gradient is asked for, those of `forward` and then `backward` instead.
//   forward: inputs -> (outputs..., residuals...)
//   backward: (residuals..., cotangents of the floating outputs...) -> cotangents of the floating inputs...
Arrays custom_vjp(const GraphRef& body, const GraphRef& forward, const GraphRef& backward,
                  std::span<const Array> inputs);

}  // namespace nnx
