#include "nnx/lane_function.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/ops.h"
#include "transform/vmap.h"

namespace nnx {

using detail::Arguments;
using detail::Output;
using detail::TracedCall;

namespace {

template <class T> size_t index_of(const std::vector<T*>& all, const T* one, const std::string& text) {
  const auto at = std::ranges::find(all, one);
  if (at == all.end())
    fail(ErrorKind::structure, {.where = text, .message = "is not part of the lanes", .hint = "make it part of their objects"});
  return static_cast<size_t>(at - all.begin());
}

void expect_plain(const Arguments& arguments, const TracedCall& traced) {
  const std::vector<detail::Difference> changes = detail::structure_changes(arguments, traced);
  if (!changes.empty())
    fail(ErrorKind::structure, {.where = "lanes", .message = "the function changes the structure of its arguments: " + to_string(changes[0])});
  if (!traced.new_cells.empty())
    fail(ErrorKind::structure, {.where = "lanes", .message = fmt::format("the function makes the Variable '{}'", to_string(traced.new_cells[0].path))});
  if (!traced.captures.empty())
    fail(ErrorKind::structure, {.where = "lanes", .message = "the function reaches a Variable or an Array that is not an argument"});
}

// The Graph without guards; what they guard is in outputs behind its own, which say whether it is finite.
Graph with_guards_as_outputs(const Graph& graph) {
  Graph open = graph;
  for (const Guard& guard : graph.guards) open.outputs.push_back(guard.value);
  open.guards.clear();
  return trace(graph.input_types(), [&](std::span<const Array> in) {
    Arrays out = nnx::apply(open, in);
    for (size_t i = graph.outputs.size(); i < out.size(); ++i) out[i] = all(is_finite(out[i]));
    return out;
  }).graph;
}

// Which outputs depend on the inputs that are flagged.
std::vector<bool> dependent_outputs(const Graph& graph, const std::vector<bool>& inputs) {
  std::vector<bool> depends(graph.nodes.size(), false);
  for (size_t i = 0; i < inputs.size(); ++i) depends[graph.inputs[i].node] = inputs[i];
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    for (const Value v : graph.nodes[n].inputs)
      if (depends[v.node]) depends[n] = true;
  std::vector<bool> outputs;
  for (const Value v : graph.outputs) outputs.push_back(depends[v.node]);
  return outputs;
}

std::string not_finite_text(const std::string& guard) {
  return Error(ErrorKind::numeric, {.where = guard, .expected = "finite values", .got = "a NaN or infinity"}).what();
}

}  // namespace

LaneFunction::LaneFunction(const Lanes& lanes, const detail::LiftedCall& call) {
  const Arguments arguments(call);
  const TracedCall traced = detail::trace_call(arguments, call, arguments.types());
  expect_plain(arguments, traced);
  const detail::Leaves& own = arguments.leaves;
  arrays_ = own.arrays.size();
  for (size_t i = 0; i < own.cells.size(); ++i) cells_.push_back(index_of(lanes.leaves(0).cells, own.cells[i], arguments.leaf_text(i)));
  for (Number* number : own.numbers) numbers_.push_back(index_of(lanes.leaves(0).numbers, number, "a Number of the arguments"));

  std::vector<size_t> chosen;
  for (const size_t o : outputs_to_deliver(traced)) {
    const Output& output = traced.outputs[o];
    if (output.form == Output::Form::array) continue;   // an argument of the caller's, of one call
    if (output.form == Output::Form::cell) {
      const Type &was = arguments.values[output.index].type(), &is = traced.graph.type(traced.graph.outputs[o]);
      if (was != is)
        fail(ErrorKind::structure, {.where = arguments.leaf_text(output.index), .expected = "a value of type " + was.to_string(), .got = is.to_string()});
      aliases_.push_back({static_cast<int>(chosen.size()), static_cast<int>(output.index)});
    }
    chosen.push_back(o);
  }
  Graph graph = detail::with_outputs(traced.graph, chosen);
  std::erase_if(graph.guards, [&](const Guard& guard) { return !is_floating(graph.type(guard.value).dtype); });
  for (const Guard& guard : graph.guards) guards_.push_back(not_finite_text(guard.name));
  graph_ = with_guards_as_outputs(graph);
}

std::vector<bool> LaneFunction::stacked_inputs(const LaneLayout& layout, const std::vector<bool>& arrays) const {
  check(arrays.size() == arrays_, "a LaneFunction needs one flag for each Array");
  std::vector<bool> stacked;
  for (const size_t cell : cells_) stacked.push_back(layout.cells[cell]);
  stacked.insert(stacked.end(), arrays.begin(), arrays.end());
  for (const size_t number : numbers_) stacked.push_back(layout.numbers[number]);
  return stacked;
}

LaneLayout LaneFunction::settle(LaneLayout layout, const std::vector<bool>& arrays) const {
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<bool> differs = dependent_outputs(graph_, stacked_inputs(layout, arrays));
    for (const Alias& alias : aliases_) {
      const size_t cell = cells_[static_cast<size_t>(alias.input)];
      if (layout.cells[cell] || !differs[static_cast<size_t>(alias.output)]) continue;
      layout.cells[cell] = changed = true;
    }
  }
  return layout;
}

LanePlan LaneFunction::compile(const LaneLayout& layout, const std::vector<bool>& arrays, size_t count, const PlanOptions& options) const {
  std::vector<bool> stacked_outputs(graph_.outputs.size(), true);
  for (const Alias& alias : aliases_)
    stacked_outputs[static_cast<size_t>(alias.output)] = layout.cells[cells_[static_cast<size_t>(alias.input)]];
  const Batched over_lanes = batch(graph_, stacked_inputs(layout, arrays), static_cast<int64_t>(count), stacked_outputs);
  check(over_lanes.outputs == stacked_outputs, "a LaneFunction is compiled for a settled layout");
  LanePlan made(*this);
  made.plan_ = Plan::compile(over_lanes.graph, aliases_, options);
  made.inputs_.resize(graph_.inputs.size());
  made.outputs_.resize(graph_.outputs.size());
  return made;
}

void LanePlan::run(LaneBlock& block, std::span<BufferRef* const> arrays) {
  size_t next = 0;
  for (const size_t cell : function_.cells_) inputs_[next++] = block.cell(cell);
  for (BufferRef* array : arrays) inputs_[next++] = array;
  for (const size_t number : function_.numbers_) inputs_[next++] = block.number(number);
  plan_->run(inputs_, outputs_);
}

const std::string* LanePlan::failed_guard(size_t i) const {
  const size_t first = outputs_.size() - function_.guards_.size();
  for (size_t g = 0; g < function_.guards_.size(); ++g)
    if (!outputs_[first + g]->as<bool>()[i]) return &function_.guards_[g];
  return nullptr;
}

}  // namespace nnx
