// What tests of single ops share: literal Arrays, comparing elements, functions of Arrays as Graphs.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "ops/cases.h"
#include "ops/helpers.h"
#include "transform/vmap.h"

namespace nnx::test {

inline Array f64(const std::vector<double>& values, const Shape& shape) { return array<double>(values, shape); }
inline Array f64(const std::vector<double>& values) { return f64(values, {std::ssize(values)}); }
inline Array i32(const std::vector<int32_t>& values, const Shape& shape) { return array<int32_t>(values, shape); }
inline Array i32(const std::vector<int32_t>& values) { return i32(values, {std::ssize(values)}); }

// 0, 1, 2, ... in f64.
inline Array counting(const Shape& shape) {
  std::vector<double> values(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  return f64(values, shape);
}

inline void check_values(const Array& x, const Shape& shape, const std::vector<double>& values, double tolerance = 0) {
  CHECK(x.shape().to_string() == shape.to_string());
  const std::vector<double> got = to_doubles(x);
  REQUIRE(got.size() == values.size());
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("element " << i << ": " << got[i] << ", expected " << values[i]);
    CHECK(std::abs(got[i] - values[i]) <= tolerance);
  }
}

inline Graph graph_of(const Function& f, const Arrays& inputs) {
  std::vector<Type> types;
  for (const Array& x : inputs) types.push_back(x.type());
  return trace(types, [&](std::span<const Array> in) { return Arrays{f(in)}; }).graph;
}

// The gradients of sum(f(inputs) * cotangent) for the floating inputs.
inline Arrays gradients(const Function& f, const Arrays& inputs, const Array& cotangent) {
  std::vector<int> wrt;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (is_floating(inputs[i].dtype())) wrt.push_back(static_cast<int>(i));
  Arrays arguments = inputs;
  arguments.push_back(cotangent);
  Arrays results = reference::evaluate(vjp(graph_of(f, inputs), wrt, {0}), arguments);
  results.erase(results.begin());
  return results;
}

// f as a Graph over a batch, for inputs of which some carry the batch as their axis 0.
inline Graph batched(const Function& f, const Arrays& inputs, const std::vector<bool>& which, int64_t size) {
  std::vector<Type> types;
  for (size_t i = 0; i < inputs.size(); ++i)
    types.push_back(which[i] ? Type{inputs[i].dtype(), inputs[i].shape().without(0)} : inputs[i].type());
  return vmap(trace(types, [&](std::span<const Array> in) { return Arrays{f(in)}; }).graph, which, size);
}

inline int count_ops(const Graph& graph, std::string_view name) {
  int n = 0;
  for (const Node& node : graph.nodes) n += node.kind == NodeKind::op && node.op->name == name;
  return n;
}

}  // namespace nnx::test
