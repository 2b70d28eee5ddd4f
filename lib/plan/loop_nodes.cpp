#include <algorithm>

#include "plan/kernel_choice.h"
#include "plan/passes.h"

namespace nnx::plan {
namespace {

// A generated value is computed again by each reader; beyond this many instructions memory is cheaper.
constexpr int generated_limit = 24;

bool fills_space(const Shape& space) { return space.size() != 1; }

bool is_aliased_input(const Bound& bound, Value root) {
  return std::ranges::any_of(bound.outputs, [&](const OutputBinding& o) {
    return o.kind == OutputKind::aliased && bound.graph.inputs[static_cast<size_t>(o.index)] == root;
  });
}

// A scalar (or a key) that a generated value may read: held in storage that no step overwrites.
bool is_steady_scalar(const Bound& bound, const Node& reader, Value value) {
  const View view = bound.views.at(bound.graph, value);
  if (is_aliased_input(bound, view.root)) return false;
  return reader.op->name == "random_bits" || bound.graph.type(view.root).size() == 1;
}

}  // namespace

bool is_loop_node(const Graph& graph, const Node& node) {
  if (node.kind != NodeKind::op || is_view_op(*node.op)) return false;
  if (node.op == &copy_op) return node.types[0].dtype != DType::f64;
  const std::vector<Type> in = input_types(graph, node);
  return is_instruction(*node.op, in, node.types) || is_reduction(*node.op, in);
}

Shape loop_space(const Graph& graph, const Node& node) {
  const Shape& shape = node.op->family == Family::reduce ? graph.type(node.inputs[0]).shape : node.types[0].shape;
  std::vector<int64_t> dims;
  std::ranges::copy_if(shape, std::back_inserter(dims), [](int64_t d) { return d != 1; });
  return Shape(dims);
}

bool flows(const Bound& bound, const Node& reader, Value value) {
  const Value root = bound.views.at(bound.graph, value).root;
  const Node& producer = bound.graph.nodes[root.node];
  if (reader.op->name == "random_bits" || !bound.views.is_whole(bound.graph, value)) return false;
  if (!is_loop_node(bound.graph, producer) || producer.op->family == Family::reduce) return false;
  // Both walk the same space unless a reshape lies between them.
  return is_loop_node(bound.graph, reader) && loop_space(bound.graph, producer) == loop_space(bound.graph, reader);
}

std::vector<bool> generated_nodes(const Bound& bound) {
  const Graph& graph = bound.graph;
  std::vector<bool> generated(graph.nodes.size(), false);
  std::vector<int> cost(graph.nodes.size(), 0);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!is_loop_node(graph, node) || node.op->family == Family::reduce || node.op == &copy_op) continue;
    const Shape space = loop_space(graph, node);
    if (node.inputs.empty()) {   // fill, iota
      generated[i] = true;
      cost[i] = 1;
      continue;
    }
    bool all = fills_space(space);
    cost[i] = node.op->name == "random_bits" ? 8 : 1;
    for (const Value v : node.inputs) {
      const Value root = bound.views.at(graph, v).root;
      const bool inner = generated[root.node] && flows(bound, node, v);
      all = all && (inner || is_steady_scalar(bound, node, v));
      if (inner) cost[i] += cost[root.node];
    }
    generated[i] = all && cost[i] <= generated_limit;
  }
  return generated;
}

}  // namespace nnx::plan
