// Values that are computed again rather than kept.
#include "ops/attrs.h"
#include "ops/loop.h"
#include "transform/activity.h"
#include "transform/body_rules.h"
#include "transform/vmap.h"

namespace nnx {
namespace {

BatchedArrays batch_remat(const Node& node, std::span<const Array> in, const Flags& batched, int64_t size) {
  Batched body = batch(*node.attrs.as<CallAttrs>().body, batched, size);
  return {remat(shared(std::move(body.graph)), in), body.outputs};
}

const Graph& body_of(const Node& node) { return *node.attrs.as<CallAttrs>().body; }

// The backward is one more remat, whose body computes the forward again: nothing but the inputs lives in between.
BodyVjp vjp_remat(const Node& node, std::span<const Array> in, const Flags& wrt, const Flags&) {
  const Arrays inputs(in.begin(), in.end());
  const auto backward = [&node, inputs, wrt](std::span<const Array> ct) {
    const Flags reached = both(wrt, needed_inputs(body_of(node), defined(ct)));
    Graph gradients = gradients_only(body_of(node), reached, defined(ct));
    Arrays arguments = inputs;
    for (const Array& c : ct)
      if (c.defined()) arguments.push_back(c);
    arguments = drop_unread_inputs(gradients, arguments);
    const Arrays results = remat(shared(std::move(gradients)), arguments);
    return scattered(results, reached);
  };
  return {emit(*node.op, node.attrs, in), backward};
}

}  // namespace

const BodyRule remat_rule{
    .op = "remat",
    .batch = batch_remat,
    .varying = [](const Node& node, const Flags& inputs) { return varying_outputs(body_of(node), inputs); },
    .needed = [](const Node& node, const Flags& outputs) { return needed_inputs(body_of(node), outputs); },
    .vjp = vjp_remat,
};

}  // namespace nnx
