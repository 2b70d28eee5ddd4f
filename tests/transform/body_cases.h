// What the tests of ops with bodies share: bodies, and graphs that must be the same in values and gradients.
#pragma once

#include <doctest/doctest.h>

#include "ops/cases.h"
#include "transform/transform_cases.h"
#include "transform/vjp.h"

namespace nnx::test {

inline GraphRef shared_graph(const std::vector<Type>& types, const std::function<Arrays(std::span<const Array>)>& body) {
  return std::make_shared<const Graph>(trace(types, body).graph);
}

inline std::vector<const Node*> nodes_of(const Graph& graph, std::string_view op) {
  std::vector<const Node*> nodes;
  for (const Node& node : graph.nodes)
    if (node.kind == NodeKind::op && node.op->name == op) nodes.push_back(&node);
  return nodes;
}

inline void check_same(const Graph& a, const Graph& b, const Arrays& inputs) {
  const Arrays got = reference::evaluate(a, inputs), expected = reference::evaluate(b, inputs);
  REQUIRE(got.size() == expected.size());
  for (size_t o = 0; o < got.size(); ++o) CHECK(difference(got[o], expected[o], 1e-12) == "");
}

// The inputs, and a cotangent for each output of `of`.
inline Arrays with_cotangents(const Graph& graph, Arrays inputs, const std::vector<int>& of) {
  for (const int o : of) inputs.push_back(counting(graph.output_types()[static_cast<size_t>(o)].shape, 0.15));
  return inputs;
}

// The vjps of two vjps (of the same inputs `wrt`, with the cotangents last among the inputs), of all their gradients.
inline void check_same_second(const Graph& a, const Graph& b, std::vector<int> wrt, const Arrays& inputs) {
  std::vector<int> of;
  for (size_t o = a.outputs.size() - wrt.size(); o < a.outputs.size(); ++o) of.push_back(static_cast<int>(o));
  wrt.push_back(static_cast<int>(inputs.size()) - 1);
  check_same(vjp(a, wrt, of), vjp(b, wrt, of), with_cotangents(a, inputs, of));
}

}  // namespace nnx::test
