// Batching of switches: of all branches with one index; with an index for each example, all branches run.
#include "ops/attrs.h"
#include "ops/elementwise.h"
#include "ops/loop.h"
#include "ops/shape.h"
#include "transform/activity.h"
#include "transform/body_rules.h"
#include "transform/vmap.h"

namespace nnx {
namespace {

// Each example's own branch; index is i32[size].
Arrays choose_each(const Array& index, const std::vector<GraphRef>& branches, std::span<const Array> operands) {
  const Array clamped = clip(index, scalar<int32_t>(0), scalar(static_cast<int32_t>(branches.size()) - 1));
  Arrays chosen = nnx::apply(*branches[0], operands);
  for (size_t b = 1; b < branches.size(); ++b) {
    const Array here = equal(clamped, static_cast<double>(b));
    const Arrays out = nnx::apply(*branches[b], operands);
    for (size_t o = 0; o < out.size(); ++o)
      chosen[o] = select(broadcast_in_dim(here, out[o].shape(), {0}), out[o], chosen[o]);
  }
  return chosen;
}

BatchedArrays batch_switch(const Node& node, std::span<const Array> in, const Flags& batched, int64_t size) {
  const auto& branches = node.attrs.as<SwitchAttrs>().branches;
  const Flags of_operands = part_of(batched, 1, in.size() - 1);
  // An output is batched when it is in any branch.
  Flags of_outputs(node.types.size(), batched[0]);
  if (!batched[0])
    for (const GraphRef& branch : branches) of_outputs = batch(*branch, of_operands, size, of_outputs).outputs;
  std::vector<GraphRef> over_batch;
  for (const GraphRef& branch : branches)
    over_batch.push_back(shared(batch(*branch, of_operands, size, of_outputs).graph));
  const std::span<const Array> operands = in.subspan(1);
  return {batched[0] ? choose_each(in[0], over_batch, operands) : switch_case(in[0], over_batch, operands), of_outputs};
}

const std::vector<GraphRef>& branches_of(const Node& node) { return node.attrs.as<SwitchAttrs>().branches; }

Flags varying_switch(const Node& node, const Flags& inputs) {
  Flags outputs(node.types.size(), false);
  for (const GraphRef& branch : branches_of(node))
    outputs = either(outputs, varying_outputs(*branch, part_of(inputs, 1, inputs.size() - 1)));
  return outputs;
}

Flags needed_switch(const Node& node, const Flags& outputs) {
  Flags operands(node.inputs.size() - 1, false);
  for (const GraphRef& branch : branches_of(node)) operands = either(operands, needed_inputs(*branch, outputs));
  return joined({Flags{false}, operands});
}

// The backward is a switch over the backwards of the branches, each of which computes its branch again.
BodyVjp vjp_switch(const Node& node, std::span<const Array> in, const Flags& wrt, const Flags&) {
  const Arrays inputs(in.begin(), in.end());
  const auto backward = [&node, inputs, wrt](std::span<const Array> ct) {
    const Flags reached = both(wrt, needed_switch(node, defined(ct)));
    std::vector<GraphRef> branches;
    for (const GraphRef& branch : branches_of(node))
      branches.push_back(shared(gradients_only(*branch, part_of(reached, 1, reached.size() - 1), defined(ct))));
    Arrays operands(inputs.begin() + 1, inputs.end());
    for (const Array& c : ct)
      if (c.defined()) operands.push_back(c);
    return scattered(switch_case(inputs[0], branches, operands), reached);
  };
  return {emit(*node.op, node.attrs, in), backward};
}

}  // namespace

const BodyRule switch_rule{.op = "switch",
                           .batch = batch_switch,
                           .varying = varying_switch,
                           .needed = needed_switch,
                           .vjp = vjp_switch};

}  // namespace nnx
