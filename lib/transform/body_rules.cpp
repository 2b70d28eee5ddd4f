#include "transform/body_rules.h"

#include "ops/shape.h"
#include "transform/vjp.h"

namespace nnx {

const BodyRule* find_body_rule(const OpDef& op) {
  if (op.family != Family::higher_order) return nullptr;
  for (const BodyRule* rule : {&scan_rule, &while_rule, &switch_rule, &remat_rule, &custom_vjp_rule})
    if (rule->op == op.name) return rule;
  return nullptr;
}

Array with_batch(const Array& x, bool batched, int64_t size) {
  return batched ? x : broadcast_to(x, x.shape().inserted(0, size));
}

Flags part_of(const Flags& flags, size_t first, size_t count) {
  const auto start = flags.begin() + static_cast<std::ptrdiff_t>(first);
  return {start, start + static_cast<std::ptrdiff_t>(count)};
}

Flags joined(std::initializer_list<Flags> parts) {
  Flags all;
  for (const Flags& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Flags either(const Flags& a, const Flags& b) {
  Flags out = a;
  for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] || b[i];
  return out;
}

Flags both(const Flags& a, const Flags& b) {
  Flags out = a;
  for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] && b[i];
  return out;
}

std::vector<int> indices_of(const Flags& flags) {
  std::vector<int> indices;
  for (size_t i = 0; i < flags.size(); ++i)
    if (flags[i]) indices.push_back(static_cast<int>(i));
  return indices;
}

Flags defined(std::span<const Array> arrays) {
  Flags flags;
  for (const Array& a : arrays) flags.push_back(a.defined());
  return flags;
}

Arrays scattered(const Arrays& values, const Flags& where) {
  Arrays out(where.size());
  size_t next = 0;
  for (size_t i = 0; i < where.size(); ++i)
    if (where[i]) out[i] = values[next++];
  return out;
}

Arrays drop_unread_inputs(Graph& graph, const Arrays& arguments) {
  Flags read(graph.nodes.size(), false);
  for (const Node& node : graph.nodes)
    for (const Value v : node.inputs) read[v.node] = true;
  for (const Value v : graph.outputs) read[v.node] = true;
  for (const Guard& g : graph.guards) read[g.value.node] = true;
  Arrays left;
  std::vector<Value> inputs;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    if (!read[graph.inputs[i].node]) continue;
    inputs.push_back(graph.inputs[i]);
    left.push_back(arguments[i]);
  }
  graph.inputs = inputs;
  graph = without_dead_nodes(graph);
  return left;
}

GraphRef shared(Graph graph) { return std::make_shared<const Graph>(std::move(graph)); }

Graph gradients_only(const Graph& graph, const Flags& wrt, const Flags& of) {
  Graph backward = vjp(graph, indices_of(wrt), indices_of(of));
  backward.outputs.erase(backward.outputs.begin(), backward.outputs.begin() + std::ssize(graph.outputs));
  return without_dead_nodes(backward);
}

}  // namespace nnx
