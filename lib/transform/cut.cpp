#include "transform/cut.h"

#include <algorithm>
#include <map>
#include <set>

namespace nnx {
namespace {

// Ops that cost little more than reading what they read.
bool is_cheap(const OpDef& op) {
  return op.family == Family::elementwise || op.family == Family::shape || op.family == Family::random;
}

// Ops that only look at their input in another way.
bool is_view(const OpDef& op) {
  return op.name == "broadcast_in_dim" || op.name == "reshape" || op.name == "transpose" || op.name == "slice";
}

// By node: whether it belongs to the forward half, which is what the outputs are made of, and guards that no cotangent
// reaches.
Flags forward_nodes(const Graph& graph, size_t inputs, size_t outputs) {
  Flags after_cotangents(graph.nodes.size(), false), forward(graph.nodes.size(), false);
  for (size_t i = inputs; i < graph.inputs.size(); ++i) after_cotangents[graph.inputs[i].node] = true;
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (const Value v : graph.nodes[i].inputs)
      if (after_cotangents[v.node]) after_cotangents[i] = true;
  for (size_t i = 0; i < inputs; ++i) forward[graph.inputs[i].node] = true;
  for (size_t o = 0; o < outputs; ++o) forward[graph.outputs[o].node] = true;
  for (const Guard& g : graph.guards)
    if (!after_cotangents[g.value.node]) forward[g.value.node] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;)
    if (forward[i])
      for (const Value v : graph.nodes[i].inputs) forward[v.node] = true;
  return forward;
}

// Sources so small that anything made of them costs less to compute again: what a dropout mask is drawn from.
constexpr size_t a_key_and_a_count = 16;

// By node and output: what has to be kept so that the value can be had again: itself, or what it is computed from.
using Sources = std::vector<std::vector<std::set<Value>>>;

Sources find_sources(const Graph& graph, const std::set<Value>& at_hand) {
  Sources sources(graph.nodes.size());
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::set<Value> below;
    for (const Value v : node.inputs) below.insert(sources[v.node][v.out].begin(), sources[v.node][v.out].end());
    size_t bytes = 0;
    for (const Value v : below) bytes += graph.type(v).bytes();
    for (uint32_t out = 0; out < node.types.size(); ++out) {
      const size_t own = node.types[out].bytes();
      bool again = node.kind == NodeKind::constant || at_hand.contains({i, out});
      if (node.kind == NodeKind::op && is_cheap(*node.op))
        again = bytes <= a_key_and_a_count || bytes < own || (bytes == own && is_view(*node.op));
      sources[i].push_back(again ? below : std::set<Value>{{i, out}});
    }
  }
  return sources;
}

// What the backward half consists of.
struct Backward {
  std::set<Value> reread, kept;   // what it is given of the forward half
  std::set<uint32_t> nodes;       // what it computes
};

Backward find_backward(const Graph& graph, const Flags& forward, size_t outputs, const std::set<Value>& at_hand) {
  const Sources sources = find_sources(graph, at_hand);
  std::vector<Value> wanted(graph.outputs.begin() + static_cast<std::ptrdiff_t>(outputs), graph.outputs.end());
  for (const Guard& g : graph.guards)
    if (!forward[g.value.node]) wanted.push_back(g.value);
  Backward half;
  while (!wanted.empty()) {
    const Value v = wanted.back();
    wanted.pop_back();
    const Node& node = graph.nodes[v.node];
    if (at_hand.contains(v)) half.reread.insert(v);
    else if (forward[v.node] && sources[v.node][v.out].contains(v)) half.kept.insert(v);
    else if (node.kind != NodeKind::input && half.nodes.insert(v.node).second)
      wanted.insert(wanted.end(), node.inputs.begin(), node.inputs.end());
  }
  return half;
}

Graph forward_half(const Graph& graph, const Flags& forward, size_t inputs, std::vector<Value> outputs) {
  Graph half = graph;
  half.inputs.resize(inputs);
  half.outputs = std::move(outputs);
  std::erase_if(half.guards, [&](const Guard& g) { return !forward[g.value.node]; });
  return without_dead_nodes(half);
}

Graph backward_half(const Graph& graph, const Flags& forward, size_t inputs, size_t outputs, const Backward& half) {
  TraceScope scope;
  std::map<Value, Array> arrays;
  const auto give = [&](Value v) { arrays[v] = scope.input(graph.type(v)); };
  for (size_t i = 0; i < inputs; ++i)
    if (half.reread.contains(graph.inputs[i])) give(graph.inputs[i]);
  for (const Value v : half.kept) give(v);
  for (size_t i = inputs; i < graph.inputs.size(); ++i) give(graph.inputs[i]);
  for (const uint32_t i : half.nodes) {
    const Node& node = graph.nodes[i];
    Arrays in;
    for (const Value v : node.inputs) in.push_back(arrays.at(v));
    const Arrays out = node.kind == NodeKind::constant ? Arrays{Array(node.types[0], node.constant)}
                                                       : emit(*node.op, node.attrs, in);
    for (uint32_t o = 0; o < out.size(); ++o) arrays.emplace(Value{i, o}, out[o]);   // one that is given stays
  }
  for (const Guard& g : graph.guards)
    if (!forward[g.value.node]) scope.trace()->guard(arrays.at(g.value), g.name);
  Arrays gradients;
  for (size_t o = outputs; o < graph.outputs.size(); ++o) gradients.push_back(arrays.at(graph.outputs[o]));
  return scope.finish(gradients).graph;
}

}  // namespace

Cut cut(const Graph& graph, const Flags& at_hand, const Flags& reusable) {
  const size_t inputs = at_hand.size(), outputs = reusable.size();
  std::set<Value> values_at_hand;
  for (size_t i = 0; i < inputs; ++i)
    if (at_hand[i]) values_at_hand.insert(graph.inputs[i]);
  const Flags forward = forward_nodes(graph, inputs, outputs);
  const Backward half = find_backward(graph, forward, outputs, values_at_hand);

  Cut result;
  std::vector<Value> results(graph.outputs.begin(), graph.outputs.begin() + static_cast<std::ptrdiff_t>(outputs));
  for (const Value v : half.kept) {
    size_t place = 0;
    while (place < outputs && !(reusable[place] && results[place] == v)) ++place;
    if (place == outputs) place = results.size(), results.push_back(v);
    result.kept.push_back(static_cast<int>(place));
  }
  for (size_t i = 0; i < inputs; ++i)
    if (half.reread.contains(graph.inputs[i])) result.reread.push_back(static_cast<int>(i));
  result.forward = forward_half(graph, forward, inputs, std::move(results));
  result.backward = backward_half(graph, forward, inputs, outputs, half);
  return result;
}

}  // namespace nnx
