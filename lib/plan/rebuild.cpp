#include "plan/rebuild.h"

namespace nnx::plan {

Graph rebuild(const Graph& graph, const std::function<Arrays(const Node&, std::span<const Array>)>& rewrite,
              const std::function<Array(const Array&)>& guards) {
  TraceScope scope;
  std::vector<Arrays> results(graph.nodes.size());
  for (const Value v : graph.inputs) results[v.node] = {scope.input(graph.type(v))};
  Arrays in;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind == NodeKind::constant) results[i] = {Array(node.types[0], node.constant)};
    if (node.kind != NodeKind::op) continue;
    in.clear();
    for (const Value v : node.inputs) in.push_back(results[v.node][v.out]);
    results[i] = rewrite(node, in);
  }
  for (const Guard& g : graph.guards) {
    const Array& value = results[g.value.node][g.value.out];
    const Array guarded = guards ? guards(value) : value;
    if (guarded.defined()) scope.trace()->guard(guarded, g.name);
  }
  Arrays outputs;
  for (const Value v : graph.outputs) outputs.push_back(results[v.node][v.out]);
  return scope.finish(outputs).graph;
}

}  // namespace nnx::plan
