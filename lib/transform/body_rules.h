// How the ops with body Graphs are batched and differentiated: by transforming their bodies, which is why their rules
// live here and not in their OpDefs. One record an op; `call` has none, since its expansion serves.
#pragma once

#include <functional>
#include <vector>

#include "graph/trace.h"

namespace nnx {

using Flags = std::vector<bool>;

struct BatchedArrays {
  Arrays arrays;
  Flags batched;   // which have the batch as axis 0
};

// A node in the form in which a gradient can be taken of it.
struct BodyVjp {
  Arrays outputs;   // of the node
  // The cotangents of the inputs, from those of the outputs; an undefined Array is a zero on both sides.
  std::function<Arrays(std::span<const Array> ct)> backward;
};

struct BodyRule {
  std::string_view op;
  // Emits the node over a batch; at least one input is batched.
  BatchedArrays (*batch)(const Node& node, std::span<const Array> in, const Flags& batched, int64_t size);
  // Which outputs vary with these inputs, and which inputs these outputs need (transform/activity.h).
  Flags (*varying)(const Node& node, const Flags& inputs);
  Flags (*needed)(const Node& node, const Flags& outputs);
  // Emits the node so that the inputs `wrt` can get cotangents from those of the outputs `of`.
  BodyVjp (*vjp)(const Node& node, std::span<const Array> in, const Flags& wrt, const Flags& of);
};

const BodyRule* find_body_rule(const OpDef& op);   // null when the op has none

// The rules, each in the file of its op.
extern const BodyRule scan_rule, while_rule, switch_rule, remat_rule, custom_vjp_rule;

// ---- What the rules share.
Array with_batch(const Array& x, bool batched, int64_t size);   // x over a batch of `size`, whether it has one or not
GraphRef shared(Graph graph);
Flags part_of(const Flags& flags, size_t first, size_t count);
Flags joined(std::initializer_list<Flags> parts);
Flags either(const Flags& a, const Flags& b);
Flags both(const Flags& a, const Flags& b);
std::vector<int> indices_of(const Flags& flags);   // where they are true
Flags defined(std::span<const Array> arrays);
Arrays scattered(const Arrays& values, const Flags& where);   // one each where true, undefined elsewhere
// Takes the inputs that nothing reads out of the Graph; what is left of `arguments` for it.
Arrays drop_unread_inputs(Graph& graph, const Arrays& arguments);
// The Graph (inputs..., cotangents of the outputs `of`...) -> gradients of the inputs `wrt`, without the outputs.
Graph gradients_only(const Graph& graph, const Flags& wrt, const Flags& of);

}  // namespace nnx
