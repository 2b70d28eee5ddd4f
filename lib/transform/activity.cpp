#include "transform/activity.h"

#include <algorithm>

namespace nnx {
namespace {

bool floats(const Graph& graph, Value v) { return is_floating(graph.type(v).dtype); }
ValueFlags none_of(const Graph& graph) {
  ValueFlags flags;
  for (const Node& node : graph.nodes) flags.emplace_back(node.types.size(), false);
  return flags;
}

ValueFlags varying_values(const Graph& graph, const Flags& inputs) {
  ValueFlags varies = none_of(graph);
  for (size_t i = 0; i < inputs.size(); ++i)
    varies[graph.inputs[i].node][0] = inputs[i] && floats(graph, graph.inputs[i]);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind != NodeKind::op || !node.op->differentiable) continue;
    Flags in;
    for (const Value v : node.inputs) in.push_back(varies[v.node][v.out]);
    if (!any_of(in)) continue;
    if (const BodyRule* rule = find_body_rule(*node.op)) {
      varies[i] = rule->varying(node, in);
    } else {
      for (uint32_t out = 0; out < node.types.size(); ++out) varies[i][out] = floats(graph, {i, out});
    }
  }
  return varies;
}

ValueFlags needed_values(const Graph& graph, const Flags& outputs) {
  ValueFlags needed = none_of(graph);
  for (size_t o = 0; o < outputs.size(); ++o)
    if (const Value v = graph.outputs[o]; outputs[o] && floats(graph, v)) needed[v.node][v.out] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (node.kind != NodeKind::op || !node.op->differentiable || !any_of(needed[i])) continue;
    const BodyRule* rule = find_body_rule(*node.op);
    const Flags in = rule ? rule->needed(node, needed[i]) : Flags(node.inputs.size(), true);
    for (size_t k = 0; k < in.size(); ++k)
      if (const Value v = node.inputs[k]; in[k] && floats(graph, v)) needed[v.node][v.out] = true;
  }
  return needed;
}

}  // namespace

ValueFlags active_values(const Graph& graph, const Flags& inputs, const Flags& outputs) {
  ValueFlags active = varying_values(graph, inputs);
  const ValueFlags needed = needed_values(graph, outputs);
  for (size_t i = 0; i < active.size(); ++i) active[i] = both(active[i], needed[i]);
  return active;
}

Flags varying_outputs(const Graph& graph, const Flags& inputs) {
  const ValueFlags varies = varying_values(graph, inputs);
  Flags outputs;
  for (const Value v : graph.outputs) outputs.push_back(varies[v.node][v.out]);
  return outputs;
}

Flags needed_inputs(const Graph& graph, const Flags& outputs) {
  const ValueFlags needed = needed_values(graph, outputs);
  Flags inputs;
  for (const Value v : graph.inputs) inputs.push_back(needed[v.node][0]);
  return inputs;
}

}  // namespace nnx
