// vmap maps a function over an axis of its arguments: one vectorised run for all lanes, on the very objects.
//
//   auto create = vmap([](Ref<Rngs> rngs) { return make<MLP>(10, 32, 10, *rngs); }, {.axis_size = 5});
//   Ref<MLP> models = create(make<Rngs>(0));                       // every Variable has a leading axis of 5
//   auto y = vmap([](Ref<MLP> m, Array x) { return m(x); }, {.in_axes = {0, no_axis}})(models, x);
//
// - Variables of an argument are sliced along its axis; what the function sets is written back along that axis. A Variable
//   without axis is the same in every lane; it may be set to what is the same in every lane.
// - Variables of Modules that the function makes and returns gain the axis of the result.
// - A random stream with a single key, reached by an argument with an axis, is split: lane i draws from
//   split(stream(), size)[i], and outside the stream has advanced by one. One with an axis of keys is sliced like other
//   state; one without axis draws the same in every lane.
// - Numbers and static values are the same in every lane.
#pragma once

#include <optional>

#include "nnx/axes.h"
#include "nnx/lifted_core.h"

namespace nnx {

struct VmapOptions {
  std::optional<int64_t> axis_size = {};   // needed when nothing is mapped
  std::vector<LaneAxes> in_axes = {0};         // one an argument, or one for all
  std::vector<LaneAxes> out_axes = {0};        // one an element of a tuple, or one for all
};

namespace detail {
void run_vmap(const LiftedCall& call, const VmapOptions& options);
}

// Throws ErrorKind::structure: one object under two axes ("Inconsistent aliasing detected"), a leaf that no filter gives an
// axis, a Variable or result without axis whose value differs from lane to lane. ErrorKind::shape: sizes that differ.
template <class F>
auto vmap(F f, VmapOptions options = {}) {
  return [f = std::move(f), options = std::move(options)]<class... A>(A... arguments) {
    std::tuple<A...> values(std::move(arguments)...);
    return detail::lift(f, values, [&](const detail::LiftedCall& call) { detail::run_vmap(call, options); });
  };
}

}  // namespace nnx
