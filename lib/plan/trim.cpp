#include <algorithm>

#include "ops/attrs.h"
#include "plan/passes.h"

namespace nnx::plan {
namespace {

using Flags = std::vector<bool>;

// An op with bodies, and which of its inputs and outputs are left.
struct Trimmed {
  Attrs attrs;
  Flags inputs, outputs;
};

template <class T> std::vector<T> chosen(const std::vector<T>& all, const Flags& which) {
  std::vector<T> some;
  for (size_t i = 0; i < all.size(); ++i)
    if (which[i]) some.push_back(all[i]);
  return some;
}

int count(const Flags& flags, size_t first, size_t last) {
  return static_cast<int>(std::count(flags.begin() + static_cast<std::ptrdiff_t>(first),
                                     flags.begin() + static_cast<std::ptrdiff_t>(last), true));
}

Graph with_outputs(const Graph& body, const Flags& outputs) {
  Graph some = body;
  some.outputs = chosen(body.outputs, outputs);
  return trim(some);
}

GraphRef with_inputs(Graph body, const Flags& inputs) {
  body.inputs = chosen(body.inputs, inputs);
  return std::make_shared<const Graph>(without_dead_nodes(body));
}

Flags read_inputs(const Graph& body) {
  Flags read(body.nodes.size(), false);
  for (const Node& node : body.nodes)
    for (const Value v : node.inputs) read[v.node] = true;
  for (const Value v : body.outputs) read[v.node] = true;
  Flags inputs;
  for (const Value v : body.inputs) inputs.push_back(read[v.node]);
  return inputs;
}

Trimmed trim_remat(const Node& node, const Flags& used) {
  Graph body = with_outputs(*node.attrs.as<CallAttrs>().body, used);
  const Flags read = read_inputs(body);
  return {CallAttrs{with_inputs(std::move(body), read)}, read, used};
}

Trimmed trim_switch(const Node& node, const Flags& used) {
  std::vector<Graph> bodies;
  Flags read(node.inputs.size() - 1, false);
  for (const GraphRef& branch : node.attrs.as<SwitchAttrs>().branches) {
    bodies.push_back(with_outputs(*branch, used));
    const Flags here = read_inputs(bodies.back());
    for (size_t i = 0; i < read.size(); ++i) read[i] = read[i] || here[i];
  }
  SwitchAttrs attrs;
  for (Graph& body : bodies) attrs.branches.push_back(with_inputs(std::move(body), read));
  Flags inputs{true};
  inputs.insert(inputs.end(), read.begin(), read.end());
  return {attrs, inputs, used};
}

// A carry is left when its result is used, or when what is left of the body reads it in some round.
Trimmed trim_scan(const Node& node, const Flags& used) {
  const auto& a = node.attrs.as<ScanAttrs>();
  const auto constants = static_cast<size_t>(a.constants), carries = static_cast<size_t>(a.carries);
  Flags outputs = used, inputs;
  Graph body;
  for (bool grown = true; grown;) {
    grown = false;
    body = with_outputs(*a.body, outputs);
    inputs = read_inputs(body);
    for (size_t c = 0; c < carries; ++c) {
      if (inputs[constants + c] && !outputs[c]) outputs[c] = grown = true;
      inputs[constants + c] = outputs[c];   // what goes round comes in
    }
  }
  return {ScanAttrs{with_inputs(std::move(body), inputs), a.length, count(inputs, 0, constants), count(outputs, 0, carries),
                    a.reverse},
          inputs, outputs};
}

Trimmed trim_while(const Node& node, const Flags& used) {
  const auto& a = node.attrs.as<WhileAttrs>();
  const auto tests = static_cast<size_t>(a.condition_constants), steps = static_cast<size_t>(a.body_constants);
  const Graph condition = trim(*a.condition);
  Flags of_condition = read_inputs(condition), carries = used, of_body;
  for (size_t c = 0; c < carries.size(); ++c) carries[c] = carries[c] || of_condition[tests + c];
  Graph body;
  for (bool grown = true; grown;) {
    grown = false;
    body = with_outputs(*a.body, carries);
    of_body = read_inputs(body);
    for (size_t c = 0; c < carries.size(); ++c)
      if (of_body[steps + c] && !carries[c]) carries[c] = grown = true;
  }
  std::copy(carries.begin(), carries.end(), of_condition.begin() + static_cast<std::ptrdiff_t>(tests));
  std::copy(carries.begin(), carries.end(), of_body.begin() + static_cast<std::ptrdiff_t>(steps));
  Flags inputs(of_condition.begin(), of_condition.begin() + static_cast<std::ptrdiff_t>(tests));
  inputs.insert(inputs.end(), of_body.begin(), of_body.end());
  return {WhileAttrs{with_inputs(condition, of_condition), with_inputs(std::move(body), of_body),
                     count(of_condition, 0, tests), count(of_body, 0, steps)},
          inputs, carries};
}

Trimmed trimmed(const Node& node, const Flags& used) {
  if (node.op->family == Family::higher_order) {
    if (node.op->name == "scan") return trim_scan(node, used);
    if (node.op->name == "while_loop") return trim_while(node, used);
    if (node.op->name == "switch") return trim_switch(node, used);
    if (node.op->name == "remat") return trim_remat(node, used);
  }
  return {node.attrs, Flags(node.inputs.size(), true), Flags(node.types.size(), true)};
}

}  // namespace

Graph trim(const Graph& graph) {
  std::vector<Flags> used;
  for (const Node& node : graph.nodes) used.emplace_back(node.types.size(), false);
  for (const Value v : graph.outputs) used[v.node][v.out] = true;
  for (const Guard& g : graph.guards) used[g.value.node][g.value.out] = true;
  std::vector<Trimmed> left(graph.nodes.size());
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (node.kind != NodeKind::op || std::ranges::find(used[i], true) == used[i].end()) continue;
    left[i] = trimmed(node, used[i]);
    for (size_t k = 0; k < node.inputs.size(); ++k)
      if (left[i].inputs[k]) used[node.inputs[k].node][node.inputs[k].out] = true;
  }

  // Nodes keep their numbers; outputs move up to where those before them were.
  Graph out = graph;
  const auto moved = [&](Value v) {
    if (graph.nodes[v.node].kind == NodeKind::op) v.out = static_cast<uint32_t>(count(left[v.node].outputs, 0, v.out));
    return v;
  };
  for (size_t i = 0; i < out.nodes.size(); ++i) {
    Node& node = out.nodes[i];
    if (left[i].outputs.empty()) {
      if (node.kind == NodeKind::op) node.inputs.clear();   // dead
      continue;
    }
    node.attrs = left[i].attrs;
    node.inputs = chosen(node.inputs, left[i].inputs);
    node.types = chosen(node.types, left[i].outputs);
    for (Value& v : node.inputs) v = moved(v);
  }
  for (Value& v : out.outputs) v = moved(v);
  for (Guard& g : out.guards) g.value = moved(g.value);
  return without_dead_nodes(out);
}

}  // namespace nnx::plan
