#include "transform/vmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "ops/shape.h"
#include "transform/replay.h"

namespace nnx {
namespace {

void expect_batched_types(const Node& node, const Arrays& results, int64_t size) {
  if (results.size() != node.types.size())
    fail(ErrorKind::internal, {.where = std::string(node.op->name) + " batch",
                               .expected = fmt::format("{} outputs", node.types.size()),
                               .got = std::to_string(results.size())});
  for (size_t i = 0; i < results.size(); ++i) {
    const Type expected{node.types[i].dtype, node.types[i].shape.inserted(0, size)};
    if (!results[i].defined() || results[i].type() != expected)
      fail(ErrorKind::internal, {.where = fmt::format("{} batch: output {}", node.op->name, i),
                                 .expected = expected.to_string(),
                                 .got = results[i].defined() ? results[i].type().to_string() : "nothing"});
  }
}

// One op node with at least one batched input.
Arrays batch_node(const Graph& graph, const Node& node, std::span<const Array> in, const std::vector<bool>& batched,
                  int64_t size) {
  if (node.op->batch) {
    const auto flags = std::make_unique<bool[]>(batched.size());  // a span of bool needs real ones
    std::ranges::copy(batched, flags.get());
    Arrays results = node.op->batch(
        {.op = *node.op, .in = in, .batched = {flags.get(), batched.size()}, .size = size, .attrs = node.attrs});
    expect_batched_types(node, results, size);
    return results;
  }
  if (!node.op->expand)
    fail(ErrorKind::internal, {.where = std::string(node.op->name),
                               .message = "cannot be batched: it has neither a batching rule nor an expansion"});
  std::vector<Type> types;
  for (const Value v : node.inputs) types.push_back(graph.type(v));
  const Traced body = trace(types, [&](std::span<const Array> args) { return replay_expansion(node, args); });
  return nnx::apply(vmap(body.graph, batched, size), in);
}

}  // namespace

Batched batch(const Graph& graph, const std::vector<bool>& batched, int64_t size) {
  check(batched.size() == graph.inputs.size(), "vmap needs one flag for each input");
  TraceScope scope;
  Arrays inputs;
  std::vector<bool> is_batched(graph.nodes.size(), false);  // by node: all outputs of a node are alike
  for (size_t i = 0; i < batched.size(); ++i) {
    const Type& type = graph.type(graph.inputs[i]);
    is_batched[graph.inputs[i].node] = batched[i];
    inputs.push_back(scope.input(batched[i] ? Type{type.dtype, type.shape.inserted(0, size)} : type));
  }
  const Replay r = replay(graph, inputs, [&](uint32_t i, std::span<const Array> in) {
    const Node& node = graph.nodes[i];
    std::vector<bool> flags;
    for (const Value v : node.inputs) {
      flags.push_back(is_batched[v.node]);
      is_batched[i] = is_batched[i] || flags.back();
    }
    return is_batched[i] ? batch_node(graph, node, in, flags, size) : emit(*node.op, node.attrs, in);
  });
  std::vector<bool> batched_outputs;
  for (const Value v : graph.outputs) batched_outputs.push_back(is_batched[v.node]);
  return {scope.finish(r.outputs(graph)).graph, std::move(batched_outputs)};
}

Graph vmap(const Graph& graph, const std::vector<bool>& batched, int64_t size) {
  const Batched inner = batch(graph, batched, size);
  if (std::ranges::find(inner.outputs, false) == inner.outputs.end()) return inner.graph;
  return trace(inner.graph.input_types(),
               [&](std::span<const Array> in) {
                 Arrays outputs = nnx::apply(inner.graph, in);
                 for (size_t o = 0; o < outputs.size(); ++o)
                   if (!inner.outputs[o]) outputs[o] = broadcast_to(outputs[o], outputs[o].shape().inserted(0, size));
                 return outputs;
               })
      .graph;
}

}  // namespace nnx
