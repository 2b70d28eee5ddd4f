#include "transform/vmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "transform/body_rules.h"
#include "transform/replay.h"

namespace nnx {
namespace {

void expect_batched_types(const Node& node, const BatchedArrays& given, int64_t size) {
  const Arrays& results = given.arrays;
  if (results.size() != node.types.size())
    fail(ErrorKind::internal, {.where = std::string(node.op->name) + " batch",
                               .expected = fmt::format("{} outputs", node.types.size()),
                               .got = std::to_string(results.size())});
  for (size_t i = 0; i < results.size(); ++i) {
    const Type& one = node.types[i];
    const Type expected = given.batched[i] ? Type{one.dtype, one.shape.inserted(0, size)} : one;
    if (!results[i].defined() || results[i].type() != expected)
      fail(ErrorKind::internal, {.where = fmt::format("{} batch: output {}", node.op->name, i),
                                 .expected = expected.to_string(),
                                 .got = results[i].defined() ? results[i].type().to_string() : "nothing"});
  }
}

// One op node with at least one batched input.
BatchedArrays batch_node(const Graph& graph, const Node& node, std::span<const Array> in, const Flags& batched,
                         int64_t size) {
  if (const BodyRule* rule = find_body_rule(*node.op)) {
    BatchedArrays results = rule->batch(node, in, batched, size);
    expect_batched_types(node, results, size);
    return results;
  }
  if (node.op->batch) {
    const auto flags = std::make_unique<bool[]>(batched.size());  // a span of bool needs real ones
    std::ranges::copy(batched, flags.get());
    Arrays arrays = node.op->batch(
        {.op = *node.op, .in = in, .batched = {flags.get(), batched.size()}, .size = size, .attrs = node.attrs});
    const size_t count = arrays.size();
    BatchedArrays results{std::move(arrays), Flags(count, true)};
    expect_batched_types(node, results, size);
    return results;
  }
  if (!node.op->expand)
    fail(ErrorKind::internal, {.where = std::string(node.op->name),
                               .message = "cannot be batched: it has neither a batching rule nor an expansion"});
  std::vector<Type> types;
  for (const Value v : node.inputs) types.push_back(graph.type(v));
  const Traced body = trace(types, [&](std::span<const Array> args) { return replay_expansion(node, args); });
  Batched over_batch = batch(body.graph, batched, size);
  return {nnx::apply(over_batch.graph, in), std::move(over_batch.outputs)};
}

}  // namespace

Batched batch(const Graph& graph, const Flags& batched, int64_t size, const Flags& wanted) {
  check(batched.size() == graph.inputs.size(), "vmap needs one flag for each input");
  check(wanted.empty() || wanted.size() == graph.outputs.size(), "vmap needs one flag for each output");
  TraceScope scope;
  Arrays inputs;
  std::vector<Flags> is_batched;  // by node and output
  for (const Node& node : graph.nodes) is_batched.emplace_back(node.types.size(), false);
  const auto has_batch = [&](Value v) { return is_batched[v.node][v.out]; };
  for (size_t i = 0; i < batched.size(); ++i) {
    const Type& type = graph.type(graph.inputs[i]);
    is_batched[graph.inputs[i].node][0] = batched[i];
    inputs.push_back(scope.input(batched[i] ? Type{type.dtype, type.shape.inserted(0, size)} : type));
  }
  const Replay r = replay(graph, inputs, [&](uint32_t i, std::span<const Array> in) {
    const Node& node = graph.nodes[i];
    Flags flags;
    for (const Value v : node.inputs) flags.push_back(has_batch(v));
    if (std::ranges::find(flags, true) == flags.end()) return emit(*node.op, node.attrs, in);
    BatchedArrays results = batch_node(graph, node, in, flags, size);
    is_batched[i] = std::move(results.batched);
    return std::move(results.arrays);
  });
  Arrays outputs = r.outputs(graph);
  Flags of_outputs;
  for (size_t o = 0; o < outputs.size(); ++o) {
    of_outputs.push_back(has_batch(graph.outputs[o]));
    if (wanted.empty() || !wanted[o] || of_outputs[o]) continue;
    outputs[o] = with_batch(outputs[o], false, size);
    of_outputs[o] = true;
  }
  return {scope.finish(outputs).graph, of_outputs};
}

Graph vmap(const Graph& graph, const Flags& batched, int64_t size) {
  return batch(graph, batched, size, Flags(graph.outputs.size(), true)).graph;
}

}  // namespace nnx
