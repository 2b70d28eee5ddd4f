// Ops and an Evaluator of the tests of graph/, which must not know those of ops/: add and scale of f32 arrays, and a
// pair.
#pragma once

#include "base/error.h"
#include "graph/trace.h"

namespace nnx::test {

struct ScaleAttrs {
  double factor = 1;
  static void fields(auto& self, auto&& f) { f("factor", self.factor); }
};

inline const OpDef add_op{
    .name = "toy_add", .family = Family::elementwise, .infer = [](std::span<const Type> in, const Attrs&) {
      if (in.size() != 2 || in[0] != in[1])
        fail(ErrorKind::shape, {.where = "toy_add", .message = "two equal types are needed"});
      return std::vector<Type>{in[0]};
    }};
inline const OpDef scale_op{.name = "toy_scale",
                            .family = Family::elementwise,
                            .infer = [](std::span<const Type> in, const Attrs&) { return std::vector<Type>{in[0]}; }};
// Both inputs, the other way round.
inline const OpDef swap_op{
    .name = "toy_swap", .family = Family::shape, .infer = [](std::span<const Type> in, const Attrs&) {
      return std::vector<Type>{in[1], in[0]};
    }};

inline Array add(const Array& a, const Array& b) { return emit1(add_op, {}, {a, b}); }
inline Array scale(const Array& x, double factor) { return emit1(scale_op, ScaleAttrs{factor}, {x}); }
inline Arrays swapped(const Array& a, const Array& b) { return emit(swap_op, {}, std::vector<Array>{a, b}); }

inline Arrays run_toy(const OpDef& op, const Attrs& attrs, std::span<const Array> in, const std::vector<Type>&) {
  if (&op == &swap_op) return {in[1], in[0]};
  std::vector<float> values = in[0].to_vector<float>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = &op == &add_op ? values[i] + in[1].data<float>()[i]
                               : values[i] * static_cast<float>(attrs.as<ScaleAttrs>().factor);
  return {array(values, in[0].shape())};
}

inline Arrays run_toy_graph(const Graph& graph, std::span<const Array> inputs) {
  std::vector<Arrays> results(graph.nodes.size());
  for (size_t i = 0; i < inputs.size(); ++i) results[graph.inputs[i].node] = {inputs[i]};
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind == NodeKind::constant) results[i] = {Array(node.types[0], node.constant)};
    if (node.kind != NodeKind::op) continue;
    Arrays in;
    for (const Value v : node.inputs) in.push_back(results[v.node][v.out]);
    results[i] = run_toy(*node.op, node.attrs, in, node.types);
  }
  Arrays outputs;
  for (const Value v : graph.outputs) outputs.push_back(results[v.node][v.out]);
  return outputs;
}

inline void install_toy_evaluator() { set_evaluator({.op = run_toy, .graph = run_toy_graph}); }

inline const Type f32x2{DType::f32, {2}};

}  // namespace nnx::test
