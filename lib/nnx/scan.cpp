#include "nnx/scan.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/carry.h"
#include "nnx/mapped.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace nnx::detail {
namespace {

bool holds_carry(const LaneAxes& axes) {
  return axes.is_carry() || std::ranges::any_of(axes.elements, holds_carry);
}
bool filters_carry(const LaneAxes& axes) {
  return std::ranges::any_of(axes.by_filter, [](const auto& entry) { return entry.second == Carry; }) ||
         std::ranges::any_of(axes.elements, filters_carry);
}

[[noreturn]] void fail_axes(std::string message, std::string hint = "") {
  fail(ErrorKind::structure, {.where = "scan", .message = std::move(message), .hint = std::move(hint)});
}

// The entry that is Carry, if any.
std::optional<size_t> carry_among(const std::vector<LaneAxes>& axes, std::string_view option, std::string_view element) {
  std::optional<size_t> found;
  for (size_t i = 0; i < axes.size(); ++i) {
    for (const LaneAxes& inner : axes[i].elements)
      if (holds_carry(inner))
        fail_axes(fmt::format("Carry must be a top-level {}, it cannot be nested, as in entry {} of {}", element, i, option));
    if (!axes[i].is_carry()) continue;
    if (found) fail_axes(fmt::format("Found multiple Carry definitions in {}: entries {} and {}", option, *found, i));
    found = i;
  }
  return found;
}

// The axes of a call, checked.
struct ScanAxes {
  std::vector<LaneAxes> in, out;
  std::optional<size_t> carry = {};   // the argument
  Path carry_in_result = {};          // empty when the result is nothing but the carry
};

ScanAxes resolved(const LiftedCall& call, const ScanOptions& options, const std::vector<bool>& carry_types) {
  ScanAxes axes{.in = options.in_axes, .out = options.out_axes};
  if (axes.in.empty())
    for (size_t i = 0; i < call.argument_count; ++i) axes.in.push_back(i == 0 ? LaneAxes(Carry) : LaneAxes(0));
  if (axes.in.size() == 1 && axes.in[0].is_carry() && call.argument_count != 1)
    fail_axes(fmt::format("When in_axes=Carry, the function must take exactly one argument, got {} arguments", call.argument_count));
  axes.carry = carry_among(axes.in, "in_axes", "argument");
  if (axes.out.empty() && axes.carry) {
    if (*axes.carry < carry_types.size() && carry_types[*axes.carry]) axes.out = {Carry};
    else if (call.result.elements == 2) axes.out = {Carry, 0};
    else fail_axes("the function must return the carry, of the type of the argument, or a pair of the carry and what is stacked",
                   "give out_axes for other results");
  }
  if (axes.out.empty()) axes.out = {0};
  const std::optional<size_t> out = carry_among(axes.out, "out_axes", "element of the result");
  if (axes.carry.has_value() != out.has_value())
    fail_axes(fmt::format("If one of in_axes or out_axes has Carry, the other must also have Carry: only {} has",
                          axes.carry ? "in_axes" : "out_axes"));
  for (const LaneAxes& entry : axes.out)
    if (filters_carry(entry)) fail_axes("Cannot carry output state: StateAxes in out_axes may only hold axes");
  if (out && axes.out.size() > 1) axes.carry_in_result = {Key(static_cast<int64_t>(*out))};
  return axes;
}

// How the leaves and outputs of one traced body become inputs and outputs of the op.
class ScanCall {
 public:
  ScanCall(const MappedArguments& mapped, const TracedCall& traced, const ScanAxes& axes, const ResultSlot& result)
      : mapped_(mapped), traced_(traced), out_axes_(result_axes(axes.out, result, "scan")) {
    const Arguments& arguments = mapped.arguments;
    expect_same_structure(arguments, traced, "scan");
    if (axes.carry) carried_ = match_carry(arguments, traced, *axes.carry, axes.carry_in_result, "scan");
    const std::vector<Carried> of_result = carried_;
    for (size_t o = 0; o < traced.outputs.size(); ++o)
      if (traced.outputs[o].changed && std::ranges::none_of(of_result, [&](const Carried& c) { return c.output == o; })) sort(o);
    expect_same_types(arguments, traced, carried_, "scan");
  }

  void run(int64_t length, const ScanOptions& options) {
    const Arrays broadcast = once_advanced(length);
    Arrays inputs = mapped_.lanes(length);
    std::ranges::copy(captured_values(traced_.captures), std::back_inserter(inputs));
    std::vector<size_t> constants, carries, xs, outputs;
    for (const Carried& c : carried_) carries.push_back(c.leaf), outputs.push_back(c.output);
    std::ranges::copy(stacked_, std::back_inserter(outputs));
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool is_x = i < mapped_.axes.size() && mapped_.has_axis(i);
      if (is_x) xs.push_back(i);
      else if (std::ranges::find(carries, i) == carries.end()) constants.push_back(i);
    }
    Graph body = with_outputs(traced_.graph, outputs);
    body.inputs = chosen(chosen_inputs(body.inputs, constants), chosen_inputs(body.inputs, carries), chosen_inputs(body.inputs, xs));
    const ScanResult result = nnx::scan(std::make_shared<const Graph>(std::move(body)), chosen_arrays(inputs, constants),
                                        chosen_arrays(inputs, carries), chosen_arrays(inputs, xs), length, options.reverse, options.unroll);
    Arrays placed;
    for (size_t k = 0; k < stacked_.size(); ++k) placed.push_back(along_axis(result.ys[k], traced_.outputs[stacked_[k]]));
    for (size_t k = 0; k < carried_.size(); ++k) put(carried_[k].output, result.carries[k]);
    for (size_t k = 0; k < stacked_.size(); ++k) put(stacked_[k], placed[k]);
    for (size_t k = 0; k < once_.size(); ++k) put(once_[k], broadcast[k]);
    mapped_.restore_streams();
  }

 private:
  static std::vector<Value> chosen_inputs(const std::vector<Value>& all, const std::vector<size_t>& which) {
    std::vector<Value> out;
    for (const size_t i : which) out.push_back(all[i]);
    return out;
  }
  static std::vector<Value> chosen(std::vector<Value> a, const std::vector<Value>& b, const std::vector<Value>& c) {
    a.insert(a.end(), b.begin(), b.end());
    a.insert(a.end(), c.begin(), c.end());
    return a;
  }
  static Arrays chosen_arrays(const Arrays& all, const std::vector<size_t>& which) {
    Arrays out;
    for (const size_t i : which) out.push_back(all[i]);
    return out;
  }

  // Decides what becomes of a changed output that is not of the carried result.
  void sort(size_t o) {
    const Output& output = traced_.outputs[o];
    const size_t leaf = output.form == Output::Form::array ? mapped_.arguments.leaves.cells.size() + output.index : output.index;
    const bool of_arguments = output.form == Output::Form::cell || output.form == Output::Form::array;
    if (output.form == Output::Form::cell && (mapped_.is_split_key(leaf) || mapped_.is_split_count(leaf))) return;
    const Axis axis = mapped_.axis_of_output(traced_, output, out_axes_);
    if (of_arguments && axis == Carry) return carried_.push_back({leaf, o});
    if (axis.mapped()) return stacked_.push_back(o);
    const std::string text = mapped_.output_text(traced_, output);
    if (!of_arguments) fail_axes(fmt::format("Cannot broadcast output state: {} has {}", text, axis.to_string()), "give it an axis");
    const VariableKind* kind = output.form == Output::Form::cell ? mapped_.arguments.cells[leaf]->kind : nullptr;
    if (kind && kind->is_a(RngState::static_kind()) && depends_on_constants_only(o)) return once_.push_back(o);
    fail_axes(fmt::format("{} is broadcast (no axis) and so may not be changed by the function", text), "give it an axis, or Carry");
  }

  bool is_constant(size_t input) const {
    if (input >= mapped_.axes.size()) return true;
    return !mapped_.has_axis(input) && mapped_.axes[input] != Carry;
  }
  bool depends_on_constants_only(size_t o) const {
    const Graph& g = traced_.graph;
    std::vector<bool> used(g.nodes.size(), false);
    used[g.outputs[o].node] = true;
    for (size_t n = g.nodes.size(); n-- > 0;)
      if (used[n])
        for (const Value v : g.nodes[n].inputs) used[v.node] = true;
    for (size_t i = 0; i < g.inputs.size(); ++i)
      if (used[g.inputs[i].node] && !is_constant(i)) return false;
    return true;
  }

  // The new values of what advances once, whatever the length: random state without axis.
  Arrays once_advanced(int64_t length) const {
    if (once_.empty()) return {};
    Arrays inputs = mapped_.arguments.with_captures(traced_.captures);
    const Graph graph = with_outputs(traced_.graph, once_);
    if (length == 0) {
      Arrays same;
      for (const size_t o : once_) same.push_back(inputs[traced_.outputs[o].index]);
      return same;
    }
    for (size_t i = 0; i < inputs.size(); ++i) {   // what is not reached: of the type of a slice
      const Type& type = graph.type(graph.inputs[i]);
      if (inputs[i].type() != type) inputs[i] = zeros(type.shape, type.dtype);
    }
    return nnx::apply(graph, inputs);
  }

  Array along_axis(const Array& stacked, const Output& output) const {
    const Axis axis = mapped_.axis_of_output(traced_, output, out_axes_);
    return moveaxis(stacked, 0, checked_axis(axis.index, stacked.rank(), "scan", mapped_.output_text(traced_, output)));
  }
  void put(size_t o, const Array& value) { deliver(mapped_.arguments, traced_, traced_.outputs[o], value); }

  const MappedArguments& mapped_;
  const TracedCall& traced_;
  const LaneAxes out_axes_;
  std::vector<Carried> carried_;
  std::vector<size_t> stacked_;   // outputs with an axis
  std::vector<size_t> once_;      // random state without axis
};

}  // namespace

void run_scan(const LiftedCall& call, const ScanOptions& options, const std::vector<bool>& carry_types) {
  const ScanAxes axes = resolved(call, options, carry_types);
  const MappedArguments mapped("scan", call, axes.in);
  const int64_t length = mapped.resolved_size(options.length, "length");
  ArgumentStructure structure(call.arguments);
  const TracedCall traced = trace_call(mapped.arguments, call, mapped.lane_types());
  ScanCall(mapped, traced, axes, call.result).run(length, options);
  structure.keep();
}

}  // namespace nnx::detail
