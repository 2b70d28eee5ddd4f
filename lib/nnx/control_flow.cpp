#include "nnx/control_flow.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/carry.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace nnx::detail {
namespace {

void expect_scalar(const Array& x, DType dtype, std::string_view where, std::string_view what) {
  if (x.dtype() != dtype || x.rank() != 0)
    fail(ErrorKind::shape, {.where = std::string(where), .expected = fmt::format("{}, a {} scalar", what, name_of(dtype)), .got = x.type().to_string()});
}

// Which object of the arguments stands at every place after a branch; -1 for a new one.
std::vector<std::ptrdiff_t> objects_after(const Arguments& arguments, const TracedCall& traced) {
  std::vector<std::ptrdiff_t> out;
  const auto add = [&](const auto& known, const auto& now) {
    for (const auto* object : now) {
      const auto at = std::ranges::find(known, object);
      out.push_back(at == known.end() ? -1 : at - known.begin());
    }
  };
  add(arguments.leaves.modules, traced.after_leaves.modules);
  add(arguments.leaves.cells, traced.after_leaves.cells);
  add(arguments.leaves.modules, traced.result_leaves.modules);
  add(arguments.leaves.cells, traced.result_leaves.cells);
  return out;
}

// Every branch must end like the first.
void expect_same_end(const Arguments& arguments, const TracedCall& first, const TracedCall& other, size_t branch) {
  const auto refuse = [&](const std::string& what) {
    fail(ErrorKind::structure, {.where = "branches", .message = fmt::format("they must end in the same structure, but branch {} differs from branch 0: {}", branch, what)});
  };
  const std::vector<Difference> changes = first.after.differences(other.after);
  if (!changes.empty()) refuse(to_string(changes.front()));
  const std::vector<Difference> results = first.result.differences(other.result);
  if (!results.empty())
    refuse(fmt::format("'{}' of the result: {} -> {}", to_string(results.front().path), results.front().before, results.front().after));
  if (objects_after(arguments, first) != objects_after(arguments, other))
    refuse("objects of the arguments stand at other places");
}

// The Graph with more inputs: `leaves` of its own, then, from `offset` on, its captures among `captures` of all.
GraphRef widened(const Graph& graph, std::vector<Type> leaves, const std::vector<Type>& captures, size_t offset) {
  const size_t own = leaves.size(), captured = graph.inputs.size() - own;
  leaves.insert(leaves.end(), captures.begin(), captures.end());
  const auto body = [&](std::span<const Array> in) {
    Arrays inputs(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(own));
    const auto from = in.begin() + static_cast<std::ptrdiff_t>(own + offset);
    inputs.insert(inputs.end(), from, from + static_cast<std::ptrdiff_t>(captured));
    return nnx::apply(graph, inputs);
  };
  return std::make_shared<const Graph>(trace(leaves, body).graph);
}

}  // namespace

Array branch_of(const Array& predicate) {
  expect_scalar(predicate, DType::boolean, "cond", "a predicate");
  return cast(predicate, DType::i32);
}

Array counted(int64_t lower, int64_t upper) { return arange(std::max<int64_t>(upper - lower, 0)) + static_cast<double>(lower); }

void run_switch(const Array& index, std::span<const LiftedCall> branches) {
  expect_scalar(index, DType::i32, "switch_case", "an index");
  const Arguments arguments(branches[0]);
  ArgumentStructure structure(branches[0].arguments);
  std::vector<TracedCall> traced;
  for (size_t b = 0; b < branches.size(); ++b) {
    if (b > 0 && !structure_changes(arguments, traced.back()).empty()) structure.restore();
    traced.push_back(trace_call(arguments, branches[b], arguments.types()));
    expect_same_end(arguments, traced.front(), traced.back(), b);
  }

  // What any branch changes is an output of all of them.
  std::vector<size_t> chosen;
  for (size_t o = 0; o < traced[0].outputs.size(); ++o)
    if (std::ranges::any_of(traced, [&](const TracedCall& t) { return t.outputs[o].changed; })) chosen.push_back(o);
  Arrays operands = arguments.values;
  std::vector<size_t> offsets;
  for (const TracedCall& t : traced) {
    offsets.push_back(operands.size() - arguments.size());
    std::ranges::copy(captured_values(t.captures), std::back_inserter(operands));
  }
  std::vector<Type> captures;
  for (size_t i = arguments.size(); i < operands.size(); ++i) captures.push_back(operands[i].type());
  std::vector<GraphRef> bodies;
  for (size_t b = 0; b < traced.size(); ++b)
    bodies.push_back(widened(with_outputs(traced[b].graph, chosen), arguments.types(), captures, offsets[b]));
  const Arrays values = nnx::switch_case(index, bodies, operands);
  // The objects are as the last branch left them: the first ones' are the same.
  for (size_t k = 0; k < chosen.size(); ++k) deliver(arguments, traced.back(), traced.back().outputs[chosen[k]], values[k]);
  structure.keep();
}

void run_while(const LiftedCall& condition, const LiftedCall& body) {
  constexpr std::string_view where = "while_loop";
  const Arguments arguments(condition);
  ArgumentStructure structure(condition.arguments);
  const TracedCall test = trace_call(arguments, condition, arguments.types());
  if (!structure_changes(arguments, test).empty()) expect_same_structure(arguments, test, "the condition of while_loop");
  for (const size_t o : outputs_to_deliver(test))
    if (test.outputs[o].form != Output::Form::result)
      fail(ErrorKind::structure, {.where = std::string(where), .message = fmt::format("the condition changes {}; only the body may", arguments.leaf_text(test.outputs[o].index))});
  expect_scalar(*test.results.at(0), DType::boolean, where, "a condition");

  const TracedCall step = trace_call(arguments, body, arguments.types());
  expect_same_structure(arguments, step, where);
  std::vector<Carried> carried = match_carry(arguments, step, 0, {}, where);
  for (const size_t o : outputs_to_deliver(step)) {
    const Output& output = step.outputs[o];
    if (output.form == Output::Form::cell) carried.push_back({output.index, o});
    if (output.form == Output::Form::array) carried.push_back({arguments.leaves.cells.size() + output.index, o});
  }
  expect_same_types(arguments, step, carried, where);

  // Both bodies see constants first, then the carries.
  const auto arranged = [&](const TracedCall& traced, Graph graph, Arrays& constants) {
    const Arrays inputs = arguments.with_captures(traced.captures);
    std::vector<Value> order, last;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (std::ranges::none_of(carried, [&](const Carried& c) { return c.leaf == i; }))
        order.push_back(graph.inputs[i]), constants.push_back(inputs[i]);
    for (const Carried& c : carried) order.push_back(graph.inputs[c.leaf]);
    graph.inputs = std::move(order);
    return std::make_shared<const Graph>(std::move(graph));
  };
  std::vector<size_t> next;
  Arrays test_constants, step_constants, carries;
  for (const Carried& c : carried) next.push_back(c.output), carries.push_back(arguments.values[c.leaf]);
  const std::array<size_t, 1> holds{0};
  const GraphRef test_graph = arranged(test, with_outputs(test.graph, holds), test_constants);
  const GraphRef step_graph = arranged(step, with_outputs(step.graph, next), step_constants);
  const Arrays values = nnx::while_loop(test_graph, test_constants, step_graph, step_constants, carries);
  for (size_t k = 0; k < carried.size(); ++k) deliver(arguments, step, step.outputs[carried[k].output], values[k]);
  structure.keep();
}

}  // namespace nnx::detail
