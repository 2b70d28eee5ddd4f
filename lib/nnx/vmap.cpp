#include "nnx/vmap.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/mapped.h"
#include "ops/shape.h"
#include "transform/vmap.h"

namespace nnx::detail {
namespace {

void expect_no_carry(const MappedArguments& mapped) {
  for (size_t i = 0; i < mapped.axes.size(); ++i)
    if (mapped.axes[i] == Carry)
      fail(ErrorKind::structure, {.where = "vmap", .message = fmt::format("{} is given Carry, which is for scan", mapped.arguments.leaf_text(i))});
}

// [size, ...] with the lanes moved to their axis; what is the same in every lane is repeated.
Array placed(const Array& value, bool has_lanes, const Axis& axis, int64_t size, const std::string& text) {
  if (!axis.mapped()) return value;
  const Array lanes = has_lanes ? value : broadcast_to(value, value.shape().inserted(0, size));
  return moveaxis(lanes, 0, checked_axis(axis.index, lanes.rank(), "vmap", text));
}

}  // namespace

void run_vmap(const LiftedCall& call, const VmapOptions& options) {
  const MappedArguments mapped("vmap", call, options.in_axes);
  expect_no_carry(mapped);
  const int64_t size = mapped.resolved_size(options.axis_size, "axis_size");
  const LaneAxes out_axes = result_axes(options.out_axes, call.result, "vmap");
  const TracedCall traced = trace_call(mapped.arguments, call, mapped.lane_types());

  std::vector<size_t> chosen;
  for (const size_t o : outputs_to_deliver(traced)) {
    const Output& output = traced.outputs[o];
    const bool of_stream = output.form == Output::Form::cell && (mapped.is_split_key(output.index) || mapped.is_split_count(output.index));
    if (!of_stream) chosen.push_back(o);
  }
  std::vector<bool> has_lanes;
  for (size_t i = 0; i < mapped.arguments.size(); ++i) has_lanes.push_back(mapped.has_axis(i));
  has_lanes.resize(has_lanes.size() + traced.captures.size(), false);
  const Batched batched = batch(with_outputs(traced.graph, chosen), has_lanes, size);
  const auto axis_of_chosen = [&](size_t k) { return mapped.axis_of_output(traced, traced.outputs[chosen[k]], out_axes); };
  for (size_t k = 0; k < chosen.size(); ++k)
    if (!axis_of_chosen(k).mapped() && batched.outputs[k])
      fail(ErrorKind::structure, {.where = fmt::format("vmap: {}", mapped.output_text(traced, traced.outputs[chosen[k]])),
                                  .message = "it has no axis, but its value differs from lane to lane",
                                  .hint = "give it an axis"});

  Arrays inputs = mapped.lanes(size);
  std::ranges::copy(captured_values(traced.captures), std::back_inserter(inputs));
  Arrays values = nnx::apply(batched.graph, inputs);
  for (size_t k = 0; k < chosen.size(); ++k)   // all, before anything is written
    values[k] = placed(values[k], batched.outputs[k], axis_of_chosen(k), size, mapped.output_text(traced, traced.outputs[chosen[k]]));
  for (size_t k = 0; k < chosen.size(); ++k) deliver(mapped.arguments, traced, traced.outputs[chosen[k]], values[k]);
  mapped.restore_streams();
}

}  // namespace nnx::detail
