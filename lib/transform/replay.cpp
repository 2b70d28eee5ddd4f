#include "transform/replay.h"

#include <fmt/format.h>

#include "base/error.h"

namespace nnx {

Arrays Replay::outputs(const Graph& graph) const {
  Arrays arrays;
  for (const Value v : graph.outputs) arrays.push_back(at(v));
  return arrays;
}

Replay replay(const Graph& graph, std::span<const Array> inputs, const ReplayNode& node) {
  check(inputs.size() == graph.inputs.size(), "a Graph was replayed with a wrong number of inputs");
  check(Trace::current() != nullptr, "a Graph was replayed outside a trace");
  Replay r{std::vector<Arrays>(graph.nodes.size())};
  for (size_t i = 0; i < inputs.size(); ++i) r.results[graph.inputs[i].node] = {inputs[i]};
  Arrays arguments;
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& n = graph.nodes[i];
    if (n.kind == NodeKind::constant) r.results[i] = {Array(n.types[0], n.constant)};
    if (n.kind != NodeKind::op) continue;
    arguments.clear();
    for (const Value v : n.inputs) arguments.push_back(r.at(v));
    r.results[i] = node(i, arguments);
    check(r.results[i].size() == n.types.size(), "a replayed node has another number of outputs");
  }
  for (const Guard& g : graph.guards) Trace::current()->guard(r.at(g.value), g.name);
  return r;
}

Arrays replay_expansion(const Node& node, std::span<const Array> in) {
  Arrays results = node.op->expand(in, node.attrs);
  bool same = results.size() == node.types.size();
  for (size_t i = 0; same && i < results.size(); ++i) same = results[i].defined() && results[i].type() == node.types[i];
  if (!same)
    fail(ErrorKind::internal,
         {.where = std::string(node.op->name), .message = "its expansion has other types than it infers"});
  return results;
}

namespace {

// Depth-first, inputs before users, in the order of outputs and of each node's inputs; the Graph's inputs come first.
std::vector<uint32_t> walk(const Graph& graph) {
  std::vector<uint32_t> order;
  std::vector<bool> seen(graph.nodes.size(), false);
  std::vector<std::pair<uint32_t, size_t>> path;  // a node and its next input: explicit, for graphs of any depth
  const auto visit = [&](uint32_t start) {
    if (!seen[start]) path.emplace_back(start, 0);
    seen[start] = true;
    while (!path.empty()) {
      auto& [node, next] = path.back();
      if (next == graph.nodes[node].inputs.size()) {
        order.push_back(node);
        path.pop_back();
        continue;
      }
      const uint32_t child = graph.nodes[node].inputs[next++].node;
      if (!seen[child]) path.emplace_back(child, 0);
      seen[child] = true;
    }
  };
  for (const Value v : graph.inputs) visit(v.node);
  for (const Value v : graph.outputs) visit(v.node);
  for (const Guard& g : graph.guards) visit(g.value.node);
  return order;
}

}  // namespace

Graph renumbered(const Graph& graph) {
  const std::vector<uint32_t> order = walk(graph);
  std::vector<uint32_t> number(graph.nodes.size(), 0);
  for (uint32_t i = 0; i < order.size(); ++i) number[order[i]] = i;
  const auto moved = [&](Value v) { return Value{number[v.node], v.out}; };
  Graph out;
  for (const uint32_t node : order) {
    out.nodes.push_back(graph.nodes[node]);
    for (Value& v : out.nodes.back().inputs) v = moved(v);
  }
  for (const Value v : graph.inputs) out.inputs.push_back(moved(v));
  for (const Value v : graph.outputs) out.outputs.push_back(moved(v));
  for (const Guard& g : graph.guards) out.guards.push_back({moved(g.value), g.name});
  return out;
}

}  // namespace nnx
