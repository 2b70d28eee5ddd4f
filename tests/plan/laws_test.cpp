// The laws of compiled graphs, generated from the op test table: a Plan computes what the reference kernels do, fused
// or not, and aliasing changes no bit. Each op is tried alone and inside the graph of its gradient.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "base/error.h"
#include "ops/all.h"
#include "ops/cases.h"
#include "plan/run_graph.h"
#include "reference/reference.h"
#include "transform/vjp.h"
#include "transform/vmap.h"

namespace nnx::test {
namespace {

Graph graph_of(const OpDef& op, const Sample& sample) {
  std::vector<Type> types;
  for (const Input& input : sample.inputs) types.push_back(input.type);
  return trace(types, [&](std::span<const Array> in) { return emit(op, sample.attrs, in); }).graph;
}

void for_each_sample(const std::function<void(const Graph&, const Sample&)>& law) {
  for (const Row& row : rows(DType::f32)) {
    const OpDef* op = find_op(row.op);
    if (!op) continue;
    for (const Sample& sample : row.samples) {
      const std::string text = to_string(row, sample);
      INFO(text);
      try {
        law(graph_of(*op, sample), sample);
      } catch (const Error& error) { FAIL_CHECK(text << ": " << error.what()); }
    }
  }
}

// f32 kernels sum in other orders and use other approximations of exp and its kin than the reference does.
void check_plan(const Graph& graph, const Arrays& inputs) {
  const Arrays expected = reference::evaluate(graph, inputs);
  for (const bool fuse : {true, false}) {
    INFO("fuse " << fuse);
    const Arrays results = run(graph, inputs, {.fuse = fuse});
    for (size_t o = 0; o < expected.size(); ++o) CHECK(difference(results[o], expected[o], 1e-5) == "");
  }
}

// The graph of outputs and gradients, and inputs for it.
struct Backward {
  Graph graph;
  Arrays inputs;
};

Backward backward_of(const Graph& graph, const Sample& sample) {
  std::vector<int> wrt, of;
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    if (is_floating(graph.input_types()[i].dtype)) wrt.push_back(static_cast<int>(i));
  for (size_t o = 0; o < graph.outputs.size(); ++o)
    if (is_floating(graph.output_types()[o].dtype)) of.push_back(static_cast<int>(o));
  Backward b{vjp(graph, wrt, of), make_inputs(sample, 1)};
  for (const int o : of)
    b.inputs.push_back(make_array({graph.output_types()[static_cast<size_t>(o)], -1, 1}, 3, b.inputs.size()));
  return b;
}

Array copy_of(const Array& a) {
  const BufferRef buffer = Buffer::allocate(a.type().bytes());
  std::memcpy(buffer->data(), a.buffer()->data(), a.type().bytes());
  return Array(a.type(), buffer);
}

// Runs with output 0 written over input `input`, and gives all outputs. `shared`: somebody else holds that input's
// Buffer.
Arrays run_aliased(const Graph& graph, const Arrays& inputs, int input, bool alias, bool shared) {
  const std::shared_ptr<Plan> plan = Plan::compile(graph, {{.output = 0, .input = input}}, {.alias = alias});
  std::vector<BufferRef> held, outputs(graph.outputs.size());
  for (const Array& a : inputs) held.push_back(copy_of(a).buffer());
  std::vector<BufferRef*> holders;
  for (BufferRef& buffer : held) holders.push_back(&buffer);
  BufferRef& state = held[static_cast<size_t>(input)];
  const BufferRef other_holder = shared ? state : nullptr;
  plan->run(holders, outputs);
  Arrays results{Array(graph.type(graph.outputs[0]), state)};
  for (size_t o = 1; o < outputs.size(); ++o) results.emplace_back(graph.type(graph.outputs[o]), outputs[o]);
  if (shared)
    CHECK(difference(Array(inputs[static_cast<size_t>(input)].type(), other_holder), inputs[static_cast<size_t>(input)],
                     0) == "");
  return results;
}

void check_same_bits(const Arrays& a, const Arrays& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    REQUIRE(a[i].type() == b[i].type());
    CHECK(std::memcmp(a[i].buffer()->data(), b[i].buffer()->data(), a[i].type().bytes()) == 0);
  }
}

// Every input that output 0 could be the new value of. The other outputs read the old value after output 0 is known.
void check_aliases(const Graph& graph, const Arrays& inputs) {
  const Arrays expected = run(graph, inputs, {});
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    if (graph.input_types()[i] != graph.output_types()[0]) continue;
    INFO("output 0 over input " << i);
    for (const bool alias : {true, false})
      for (const bool shared : {true, false})
        check_same_bits(run_aliased(graph, inputs, static_cast<int>(i), alias, shared), expected);
  }
}

}  // namespace

TEST_CASE("a plan of one op computes what the reference does, fused or not") {
  for_each_sample([](const Graph& graph, const Sample& sample) { check_plan(graph, make_inputs(sample, 1)); });
}

TEST_CASE("a plan of an op's gradient computes what the reference does, fused or not") {
  for_each_sample([](const Graph& graph, const Sample& sample) {
    const Backward b = backward_of(graph, sample);
    check_plan(b.graph, b.inputs);
  });
}

TEST_CASE("aliases change no bit, and nothing that anybody else holds") {
  for_each_sample([](const Graph& graph, const Sample& sample) {
    if (graph.inputs.empty()) return;
    check_aliases(graph, make_inputs(sample, 1));
    const Backward b = backward_of(graph, sample);
    check_aliases(b.graph, b.inputs);
  });
}

TEST_CASE("the plan of a batched op is the plan of each example") {
  for_each_sample([](const Graph& graph, const Sample& sample) {
    if (graph.inputs.empty()) return;
    Arrays examples;
    for (const Array& a : make_inputs(sample, 1)) examples.push_back(stack_arrays({a, a, a}));
    const Graph batched = vmap(graph, std::vector<bool>(graph.inputs.size(), true), 3);
    const Arrays one = reference::evaluate(graph, make_inputs(sample, 1)), results = run(batched, examples, {});
    for (size_t o = 0; o < one.size(); ++o)
      CHECK(difference(results[o], stack_arrays({one[o], one[o], one[o]}), 1e-5) == "");
  });
}

}  // namespace nnx::test
