#include "graph/graph.h"

#include <fmt/format.h>

#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"

namespace nnx {
namespace {

// Walks two graphs together from a pair of values; each pair of nodes is compared once.
class Comparison {
 public:
  Comparison(const Graph& a, const Graph& b) : a_(a), b_(b) {
    for (uint32_t i = 0; i < a.inputs.size(); ++i) match_[a.inputs[i].node] = b.inputs[i].node;
  }

  bool same(Value va, Value vb) {
    if (va.out != vb.out) return false;
    if (const auto it = match_.find(va.node); it != match_.end()) return it->second == vb.node;
    const Node& na = a_.nodes[va.node];
    const Node& nb = b_.nodes[vb.node];
    if (na.kind != nb.kind || na.kind == NodeKind::input || na.op != nb.op || na.types != nb.types) return false;
    if (na.inputs.size() != nb.inputs.size() || !(na.attrs == nb.attrs)) return false;
    if (na.kind == NodeKind::constant && std::memcmp(na.constant->data(), nb.constant->data(), na.types[0].bytes()) != 0)
      return false;
    for (size_t i = 0; i < na.inputs.size(); ++i)
      if (!same(na.inputs[i], nb.inputs[i])) return false;
    match_[va.node] = vb.node;
    return true;
  }

 private:
  const Graph& a_;
  const Graph& b_;
  std::unordered_map<uint32_t, uint32_t> match_;
};

std::string value_text(const Graph& g, Value v) {
  return g.nodes[v.node].types.size() > 1 ? fmt::format("%{}.{}", v.node, v.out) : fmt::format("%{}", v.node);
}

}  // namespace

std::vector<Type> Graph::input_types() const {
  std::vector<Type> types;
  for (const Value v : inputs) types.push_back(type(v));
  return types;
}

std::vector<Type> Graph::output_types() const {
  std::vector<Type> types;
  for (const Value v : outputs) types.push_back(type(v));
  return types;
}

bool same_graph(const Graph& a, const Graph& b) {
  if (a.input_types() != b.input_types() || a.outputs.size() != b.outputs.size() || a.guards.size() != b.guards.size())
    return false;
  Comparison comparison(a, b);
  for (size_t i = 0; i < a.outputs.size(); ++i)
    if (!comparison.same(a.outputs[i], b.outputs[i])) return false;
  for (size_t i = 0; i < a.guards.size(); ++i)
    if (a.guards[i].name != b.guards[i].name || !comparison.same(a.guards[i].value, b.guards[i].value)) return false;
  return true;
}

uint64_t hash_graph(const Graph& graph) {
  // Nodes come after their inputs, so one pass gives every node a hash that does not depend on the numbering.
  std::vector<uint64_t> hashes(graph.nodes.size(), hash_seed);
  for (uint32_t i = 0; i < graph.inputs.size(); ++i) hashes[graph.inputs[i].node] = hash_combine(hash_seed, i + 1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind == NodeKind::input) continue;
    uint64_t h = node.kind == NodeKind::op ? hash_combine(hash_bytes(node.op->name), node.attrs.hash())
                                           : hash_combine(hash_seed, node.types[0].hash());
    for (const Value v : node.inputs) h = hash_combine(hash_combine(h, hashes[v.node]), v.out);
    hashes[i] = h;
  }
  uint64_t h = hash_combine(hash_seed, graph.inputs.size());
  for (const Value v : graph.outputs) h = hash_combine(hash_combine(h, hashes[v.node]), v.out);
  return h;
}

Graph without_dead_nodes(const Graph& graph) {
  std::vector<bool> live(graph.nodes.size(), false);
  for (const Value v : graph.outputs) live[v.node] = true;
  for (const Guard& g : graph.guards) live[g.value.node] = true;
  for (const Value v : graph.inputs) live[v.node] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;)
    if (live[i])
      for (const Value v : graph.nodes[i].inputs) live[v.node] = true;

  std::vector<uint32_t> renumbered(graph.nodes.size(), 0);
  const auto moved = [&](Value v) { return Value{renumbered[v.node], v.out}; };
  Graph out;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!live[i]) continue;
    renumbered[i] = static_cast<uint32_t>(out.nodes.size());
    out.nodes.push_back(graph.nodes[i]);
    for (Value& v : out.nodes.back().inputs) v = moved(v);
  }
  for (const Value v : graph.inputs) out.inputs.push_back(moved(v));
  for (const Value v : graph.outputs) out.outputs.push_back(moved(v));
  for (const Guard& g : graph.guards) out.guards.push_back({moved(g.value), g.name});
  return out;
}

std::string to_string(const Graph& graph) {
  std::string text;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::string types;
    for (const Type& t : node.types) types += (types.empty() ? "" : ", ") + t.to_string();
    text += fmt::format("%{}:{} = ", i, types);
    if (node.kind == NodeKind::input) text += "input";
    if (node.kind == NodeKind::constant) text += "constant";
    if (node.kind == NodeKind::op) {
      std::string inputs;
      for (const Value v : node.inputs) inputs += (inputs.empty() ? "" : ", ") + value_text(graph, v);
      text += fmt::format("{}({})", node.op->name, inputs);
      if (!node.attrs.empty()) text += " " + node.attrs.to_string();
    }
    text += "\n";
  }
  for (const Guard& g : graph.guards) text += fmt::format("guard {} \"{}\"\n", value_text(graph, g.value), g.name);
  text += "return";
  for (size_t i = 0; i < graph.outputs.size(); ++i) text += (i ? ", " : " ") + value_text(graph, graph.outputs[i]);
  return text + "\n";
}

void verify(const Graph& graph) {
  const auto broken = [](size_t node, std::string_view what) {
    fail(ErrorKind::internal, {.where = "verify", .message = fmt::format("node %{}: {}", node, what)});
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::vector<Type> in;
    for (const Value v : node.inputs) {
      if (v.node >= i || v.out >= graph.nodes[v.node].types.size()) broken(i, "an input does not come before it");
      in.push_back(graph.type(v));
    }
    if (node.kind == NodeKind::op && node.op->infer(in, node.attrs) != node.types)
      broken(i, fmt::format("the types of {} are not what it infers", node.op->name));
    if (node.kind == NodeKind::constant && (!node.constant || node.types.size() != 1)) broken(i, "a constant without value");
  }
  const auto exists = [&](Value v) { return v.node < graph.nodes.size() && v.out < graph.nodes[v.node].types.size(); };
  std::vector<bool> listed(graph.nodes.size(), false);
  for (const Value v : graph.inputs) {
    if (!exists(v) || graph.nodes[v.node].kind != NodeKind::input) broken(v.node, "not an input node");
    if (listed[v.node]) broken(v.node, "an input that is listed twice");
    listed[v.node] = true;
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].kind == NodeKind::input && !listed[i]) broken(i, "an input node that the graph does not list");
  for (const Value v : graph.outputs)
    if (!exists(v)) broken(v.node, "no such output");
  for (const Guard& g : graph.guards)
    if (!exists(g.value)) broken(g.value.node, "no such guarded value");
}

}  // namespace nnx
