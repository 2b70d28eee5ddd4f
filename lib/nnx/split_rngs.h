// split_rngs gives every random stream of its arguments an axis of keys, one for each lane of a vmap or iteration of a scan.
//
//   auto create = split_rngs(vmap([](Ref<Rngs> rngs) { return make<Block>(*rngs); }), {.splits = {5}});
//   Ref<Block> blocks = create(rngs);                         // afterwards: the key of `rngs` as before, its count one up
//
//   const RngBackup backup = split_rngs(model, {.splits = {5}, .only = tag("dropout")});   // by hand
//   restore_rngs(backup);
//
// A split stream has drawn once: its keys are split(stream(), splits), its counts zeros of shape `splits`.
#pragma once

#include "nnx/filter.h"
#include "nnx/lifted_core.h"
#include "nnx/rngs.h"

namespace nnx {

struct RngSplits {
  Shape splits = {};
  Filter only = rest;      // matched against the key of a stream: its path, kind and tag
};

// What split streams were, their counts one up.
struct RngBackup {
  struct Stream { RngKey key; RngCount count; Array key_value, count_value; };
  std::vector<Stream> streams;
};

namespace detail {
RngBackup split_rngs_of(const Roots& roots, const RngSplits& splits);
}

// Throws ErrorKind::structure for a stream that has been split already.
template <class T>
RngBackup split_rngs(const Ref<T>& module, const RngSplits& splits) {
  Ref<T> root = module;
  return detail::split_rngs_of([&](FieldVisitor& v) { detail::visit_field(v, "", root); }, splits);
}
void restore_rngs(const RngBackup& backup);

// The function with the streams of its arguments split while it runs.
template <class F>
auto split_rngs(F f, RngSplits splits) {
  return [f = std::move(f), splits = std::move(splits)]<class... A>(A... arguments) {
    std::tuple<A...> values(std::move(arguments)...);
    return detail::lift(f, values, [&](const detail::LiftedCall& call) {
      const RngBackup backup = detail::split_rngs_of(call.arguments, splits);
      try {
        call.invoke();
      } catch (...) {
        restore_rngs(backup);
        throw;
      }
      restore_rngs(backup);
    });
  };
}

}  // namespace nnx
