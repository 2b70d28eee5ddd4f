// eval_shape runs a function for its structure and types alone: no memory is allocated, nothing is computed.
//
//   auto model = eval_shape([] { Rngs rngs(0); return make<MLP>(784, 4096, 10, rngs); });
//   auto [graphdef, types] = split(model);         // types["linear1.kernel"].type() == f32[784,4096]
//
// The Arrays and Variables of the result have types and no values: using one says so. The arguments stay as they are.
#pragma once

#include "nnx/lifted_core.h"

namespace nnx {

namespace detail {
void run_eval_shape(const LiftedCall& call);
}

template <class F, class... A>
auto eval_shape(const F& f, A... arguments) {
  std::tuple<A...> values(std::move(arguments)...);
  return detail::lift(f, values, [](const detail::LiftedCall& call) { detail::run_eval_shape(call); });
}

}  // namespace nnx
