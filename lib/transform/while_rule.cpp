// Batching of while loops: all examples run until the last one is done, each keeping what it had when it was.
#include "ops/attrs.h"
#include "ops/elementwise.h"
#include "ops/loop.h"
#include "ops/reduce.h"
#include "ops/shape.h"
#include "transform/activity.h"
#include "transform/body_rules.h"
#include "transform/vmap.h"

namespace nnx {
namespace {

std::vector<Type> types_of(std::span<const Array> arrays) {
  std::vector<Type> types;
  for (const Array& a : arrays) types.push_back(a.type());
  return types;
}

// A loop whose examples end at different times; all carries are batched.
Arrays loop_until_all_are_done(const WhileAttrs& a, const Graph& condition, const Graph& body, std::span<const Array> in,
                               std::span<const Array> carries) {
  const auto tests = static_cast<size_t>(a.condition_constants), steps = static_cast<size_t>(a.body_constants);
  const std::vector<Type> constant_types = types_of(in.first(tests + steps)), carry_types = types_of(carries);
  const auto all_inputs = [&](size_t first, size_t count) {
    std::vector<Type> types(constant_types.begin() + static_cast<std::ptrdiff_t>(first),
                            constant_types.begin() + static_cast<std::ptrdiff_t>(first + count));
    types.insert(types.end(), carry_types.begin(), carry_types.end());
    return types;
  };
  const Traced any_left = trace(all_inputs(0, tests), [&](std::span<const Array> args) {
    return Arrays{any(nnx::apply(condition, args)[0])};
  });
  const Traced step = trace(all_inputs(0, tests + steps), [&](std::span<const Array> args) {
    const std::span<const Array> old = args.subspan(tests + steps);
    Arrays for_condition(args.begin(), args.begin() + a.condition_constants);
    for_condition.insert(for_condition.end(), old.begin(), old.end());
    const Array going = nnx::apply(condition, for_condition)[0];
    Arrays next = nnx::apply(body, args.subspan(tests));
    for (size_t c = 0; c < next.size(); ++c)
      next[c] = select(broadcast_in_dim(going, next[c].shape(), {0}), next[c], old[c]);
    return next;
  });
  return while_loop(shared(any_left.graph), in.first(tests), shared(step.graph), in.first(tests + steps), carries);
}

BatchedArrays batch_while(const Node& node, std::span<const Array> in, const Flags& batched, int64_t size) {
  const auto& a = node.attrs.as<WhileAttrs>();
  const auto tests = static_cast<size_t>(a.condition_constants), steps = static_cast<size_t>(a.body_constants);
  const size_t carries = node.types.size();
  const Flags of_tests = part_of(batched, 0, tests), of_steps = part_of(batched, tests, steps);
  Flags of_carries = part_of(batched, tests + steps, carries);
  Batched condition, body;
  for (bool grown = true; grown;) {
    condition = batch(*a.condition, joined({of_tests, of_carries}), size);
    const Flags wanted = condition.outputs[0] ? Flags(carries, true) : of_carries;
    body = batch(*a.body, joined({of_steps, of_carries}), size, wanted);
    grown = body.outputs != of_carries;
    of_carries = body.outputs;
  }
  Arrays initial;
  for (size_t c = 0; c < carries; ++c) {
    const size_t i = tests + steps + c;
    initial.push_back(of_carries[c] ? with_batch(in[i], batched[i], size) : in[i]);
  }
  if (condition.outputs[0])
    return {loop_until_all_are_done(a, condition.graph, body.graph, in, initial), of_carries};
  return {while_loop(shared(condition.graph), in.first(tests), shared(body.graph), in.subspan(tests, steps), initial),
          of_carries};
}

Flags varying_while(const Node& node, const Flags& inputs) {
  const auto& a = node.attrs.as<WhileAttrs>();
  const auto tests = static_cast<size_t>(a.condition_constants), steps = static_cast<size_t>(a.body_constants);
  const Flags of_steps = part_of(inputs, tests, steps);
  Flags carries = part_of(inputs, tests + steps, node.types.size()), before;
  do {
    before = carries;
    carries = either(carries, varying_outputs(*a.body, joined({of_steps, carries})));
  } while (carries != before);
  return carries;
}

Flags needed_while(const Node& node, const Flags& outputs) {
  const auto& a = node.attrs.as<WhileAttrs>();
  const auto steps = static_cast<size_t>(a.body_constants);
  Flags carries = outputs, before, inputs;
  do {
    before = carries;
    inputs = needed_inputs(*a.body, carries);
    carries = either(carries, part_of(inputs, steps, carries.size()));
  } while (carries != before);
  return joined({Flags(static_cast<size_t>(a.condition_constants), false), part_of(inputs, 0, steps), carries});
}

BodyVjp no_vjp(const Node&, std::span<const Array>, const Flags&, const Flags&) {
  fail(ErrorKind::structure, {.where = "gradient: while_loop",
                              .message = "the gradient of a loop needs a number of rounds that is known beforehand",
                              .hint = "use scan, or a fori_loop with static bounds"});
}

}  // namespace

const BodyRule while_rule{
    .op = "while_loop", .batch = batch_while, .varying = varying_while, .needed = needed_while, .vjp = no_vjp};

}  // namespace nnx
