#include "reference/reference.h"

#include <fmt/format.h>

#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "reference/kernels.h"

namespace nnx::reference {
namespace {

using KernelFunction = void (*)(const Call&);

const std::unordered_map<std::string_view, KernelFunction>& kernel_table() {
  static const auto table = [] {
    std::unordered_map<std::string_view, KernelFunction> built;
    for (const std::span<const Entry> family : {elementwise_kernels(), reduce_kernels(), shape_kernels(),
                                                contraction_kernels(), linalg_kernels(), index_kernels(), random_kernels(), loop_kernels()})
      for (const Entry& entry : family)
        check(built.emplace(entry.op, entry.kernel).second, "two reference kernels for one op");
    return built;
  }();
  return table;
}

KernelFunction find_kernel(const OpDef& op) {
  const auto it = kernel_table().find(op.name);
  return it == kernel_table().end() ? nullptr : it->second;
}

Arrays allocate(const std::vector<Type>& types) {
  Arrays arrays;
  for (const Type& type : types) arrays.emplace_back(type, Buffer::allocate(type.bytes()));
  return arrays;
}

std::vector<Type> types_of(std::span<const Array> arrays) {
  std::vector<Type> types;
  for (const Array& a : arrays) types.push_back(a.type());
  return types;
}

// The op as a Graph of its expansion, evaluated.
Arrays run_expansion(const OpDef& op, const Attrs& attrs, std::span<const Array> inputs) {
  if (!op.expand)
    fail(ErrorKind::internal,
         {.where = std::string(op.name), .message = "has neither a reference kernel nor an expansion"});
  const Traced body = trace(types_of(inputs), [&](std::span<const Array> in) { return op.expand(in, attrs); });
  return evaluate(body.graph, inputs);
}

Arrays run_op(const OpDef& op, const Attrs& attrs, std::span<const Array> inputs, const std::vector<Type>& types) {
  const KernelFunction kernel = find_kernel(op);
  if (!kernel) return run_expansion(op, attrs, inputs);
  Arrays outputs = allocate(types);
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const Array& a : inputs) in.push_back(a.buffer()->data());
  for (const Array& a : outputs) out.push_back(a.buffer()->data());
  kernel({.attrs = attrs, .in_types = types_of(inputs), .in = in, .out_types = types, .out = out});
  return outputs;
}

}  // namespace

bool has_kernel(const OpDef& op) { return find_kernel(op) != nullptr; }

void run(const OpDef& op, const Attrs& attrs, std::span<const Type> in_types, std::span<const void* const> in,
         std::span<const Type> out_types, std::span<void* const> out) {
  if (const KernelFunction kernel = find_kernel(op)) {
    kernel({.attrs = attrs, .in_types = in_types, .in = in, .out_types = out_types, .out = out});
    return;
  }
  // An expansion works on Arrays, which own their Buffers: copied in and out.
  const Arrays inputs = allocate({in_types.begin(), in_types.end()});
  for (size_t i = 0; i < inputs.size(); ++i) std::memcpy(inputs[i].buffer()->data(), in[i], in_types[i].bytes());
  const Arrays outputs = run_expansion(op, attrs, inputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    check(outputs[i].type() == out_types[i], "an expansion has another type than its op infers");
    std::memcpy(out[i], outputs[i].buffer()->data(), out_types[i].bytes());
  }
}

Arrays evaluate(const Graph& graph, std::span<const Array> inputs) {
  check(inputs.size() == graph.inputs.size(), "a Graph was evaluated with a wrong number of inputs");
  std::vector<Arrays> results(graph.nodes.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (const Type& type = graph.type(graph.inputs[i]); inputs[i].type() != type)
      fail(ErrorKind::shape, {.where = fmt::format("input {} of a graph", i),
                              .expected = type.to_string(),
                              .got = inputs[i].type().to_string()});
    results[graph.inputs[i].node] = {inputs[i]};
  }
  Arrays arguments;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind == NodeKind::constant) results[i] = {Array(node.types[0], node.constant)};
    if (node.kind != NodeKind::op) continue;
    arguments.clear();
    for (const Value v : node.inputs) arguments.push_back(results[v.node][v.out]);
    results[i] = run_op(*node.op, node.attrs, arguments, node.types);
  }
  for (const Guard& g : graph.guards) check_finite(results[g.value.node][g.value.out], g.name);
  Arrays outputs;
  for (const Value v : graph.outputs) outputs.push_back(results[v.node][v.out]);
  return outputs;
}

void install_evaluator() { set_evaluator({.op = run_op, .graph = evaluate}); }

}  // namespace nnx::reference
