// remat computes a function's inner values again in the backward pass instead of keeping them: memory for time.
//
//   auto block = remat([](Ref<Block> b, Array x) { return b(x); });    // gradients flow through it as without
#pragma once

#include "nnx/lifted_core.h"

namespace nnx {

namespace detail {
void run_remat(const LiftedCall& call);
}

// The same function of the same arguments: values, gradients, mutations. Composes with scan: a layer that is scanned and
// wrapped keeps only its inputs.
template <class F>
auto remat(F f) {
  return [f = std::move(f)]<class... A>(A... arguments) {
    std::tuple<A...> values(std::move(arguments)...);
    return detail::lift(f, values, [](const detail::LiftedCall& call) { detail::run_remat(call); });
  };
}

}  // namespace nnx
