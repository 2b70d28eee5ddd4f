// A gradient that the user defines.
#include <algorithm>

#include "ops/attrs.h"
#include "ops/loop.h"
#include "ops/shape.h"
#include "transform/activity.h"
#include "transform/body_rules.h"
#include "transform/vmap.h"

namespace nnx {
namespace {

GraphRef over_batch(const GraphRef& body, int64_t size) {
  return shared(vmap(*body, Flags(body->inputs.size(), true), size));
}

BatchedArrays batch_custom_vjp(const Node& node, std::span<const Array> in, const Flags& batched, int64_t size) {
  const auto& a = node.attrs.as<CustomVjpAttrs>();
  Arrays inputs;   // all batched: the three bodies have to agree on it
  for (size_t i = 0; i < in.size(); ++i) inputs.push_back(with_batch(in[i], batched[i], size));
  return {custom_vjp(over_batch(a.body, size), over_batch(a.forward, size), over_batch(a.backward, size), inputs),
          Flags(node.types.size(), true)};
}

Flags floating(const std::vector<Type>& types) {
  Flags flags;
  for (const Type& t : types) flags.push_back(is_floating(t.dtype));
  return flags;
}

Flags inputs_that_float(const Node& node) { return floating(node.attrs.as<CustomVjpAttrs>().body->input_types()); }

BodyVjp vjp_custom(const Node& node, std::span<const Array> in, const Flags&, const Flags&) {
  const auto& a = node.attrs.as<CustomVjpAttrs>();
  Arrays outputs = nnx::apply(*a.forward, in);
  const auto count = static_cast<std::ptrdiff_t>(node.types.size());
  const Arrays residuals(outputs.begin() + count, outputs.end());
  outputs.resize(node.types.size());
  const auto backward = [&node, residuals](std::span<const Array> ct) {
    Arrays arguments = residuals;
    for (size_t o = 0; o < ct.size(); ++o) {
      const Type& type = node.types[o];
      if (is_floating(type.dtype)) arguments.push_back(ct[o].defined() ? ct[o] : zeros(type.shape, type.dtype));
    }
    return scattered(nnx::apply(*node.attrs.as<CustomVjpAttrs>().backward, arguments), inputs_that_float(node));
  };
  return {outputs, backward};
}

}  // namespace

// What its gradient reaches is for its backward to say: every floating input, from every floating output.
const BodyRule custom_vjp_rule{
    .op = "custom_vjp",
    .batch = batch_custom_vjp,
    .varying =
        [](const Node& node, const Flags& inputs) {
          return any_of(inputs) ? floating(node.types) : Flags(node.types.size(), false);
        },
    .needed =
        [](const Node& node, const Flags& outputs) {
          return any_of(outputs) ? inputs_that_float(node) : Flags(node.inputs.size(), false);
        },
    .vjp = vjp_custom,
};

}  // namespace nnx
