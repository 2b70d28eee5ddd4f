#include <algorithm>

#include "plan/kernel_choice.h"
#include "plan/passes.h"

namespace nnx::plan {
namespace {

// A generated value is computed again by each reader, unless it takes so many instructions that memory is cheaper: a
// dropout mask, a byte an element, is kept, while noise is drawn again.
constexpr int instructions_per_byte = 8;
constexpr int draw_instructions = 16;
constexpr int again_limit = 2;  // of a value computed again from an array

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

// How often each node's results are read.
std::vector<int> count_reads(const Bound& bound) {
  std::vector<int> reads(bound.graph.nodes.size(), 0);
  for (const Node& node : bound.graph.nodes) {
    if (node.kind != NodeKind::op || is_view_op(*node.op)) continue;
    for (const Value v : node.inputs) ++reads[bound.views.root(v).node];
  }
  return reads;
}

// Whether computing `node` again costs its readers no more than reading it would: it has one array, read whole, which
// others read as well, so that it is stored anyway; besides it rows and scalars. All of them are results of nodes, which no
// step overwrites; so the choice does not depend on what is written in place.
bool is_cheaper_than_memory(const Bound& bound, const std::vector<bool>& generated, const std::vector<int>& reads,
                            const Node& node) {
  const Graph& graph = bound.graph;
  if (node.op->family != Family::elementwise) return false;
  int arrays = 0;
  for (const Value v : node.inputs) {
    const Value root = bound.views.root(v);
    if (graph.nodes[root.node].kind != NodeKind::op) return false;
    if (generated[root.node] || graph.type(root).size() * 8 <= node.types[0].size()) continue;
    if (!bound.views.is_whole(v) || graph.type(v).dtype != DType::f32 || reads[root.node] < 2) return false;
    ++arrays;
  }
  return arrays == 1;
}

}  // namespace

LoopRole loop_role(const Graph& graph, const Node& node) {
  if (node.kind != NodeKind::op || is_view_op(*node.op)) return {};
  const std::vector<Type> in = input_types(graph, node);
  const bool fits = node.op == &copy_op ? node.types[0].dtype != DType::f64
                                        : is_instruction(*node.op, in, node.types) || is_reduction(*node.op, in);
  if (!fits) return {};
  const Shape& shape = node.op->family == Family::reduce ? in[0].shape : node.types[0].shape;
  std::vector<int64_t> dims;
  std::ranges::copy_if(shape, std::back_inserter(dims), [](int64_t d) { return d != 1; });
  return {true, Shape(dims)};
}

bool flows(const Bound& bound, uint32_t reader, Value value) {
  const uint32_t producer = bound.views.root(value).node;
  const LoopRole &from = bound.roles[producer], &to = bound.roles[reader];
  // Both walk the same space unless a reshape lies between them. A reduction's result is there only after its loop.
  if (!from.fits || !to.fits || from.space != to.space || bound.graph.nodes[producer].op->family == Family::reduce)
    return false;
  return bound.graph.nodes[reader].op->name != "random_bits" && bound.views.is_whole(value);
}

std::vector<bool> generated_nodes(const Bound& bound) {
  const Graph& graph = bound.graph;
  std::vector<bool> generated(graph.nodes.size(), false);
  std::vector<int> cost(graph.nodes.size(), 0);
  const std::vector<int> reads = count_reads(bound);
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!bound.roles[i].fits || node.op->family == Family::reduce || node.op == &copy_op) continue;
    if (node.inputs.empty()) {  // fill, iota
      generated[i] = true;
      cost[i] = 1;
      continue;
    }
    bool all = bound.roles[i].space.size() != 1;
    const bool cheap = all && is_cheaper_than_memory(bound, generated, reads, node);
    cost[i] = node.op->name == "random_bits" ? draw_instructions : 1;
    for (const Value v : node.inputs) {
      const Value root = bound.views.root(v);
      const bool inner = generated[root.node] && flows(bound, i, v);
      all = all && (inner || is_steady_scalar(bound, node, v));
      if (inner) cost[i] += cost[root.node];
    }
    if (cheap && cost[i] <= again_limit) generated[i] = true;
    else generated[i] = all && cost[i] <= instructions_per_byte * static_cast<int>(size_of(node.types[0].dtype));
  }
  return generated;
}

}  // namespace nnx::plan
