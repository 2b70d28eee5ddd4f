// Changing the random streams that a model holds, all at once.
//
//   reseed(model, {{"dropout", 42}});
//   auto replicas = with_rngs(model, {.split = {{tag("params"), {4}}, {rest, {2, 3}}}});
#pragma once

#include "nnx/rngs.h"
#include "nnx/traverse.h"

namespace nnx {

// Which streams are changed how: Filters see a stream's path, and its tag as that of RNG state. In each list the first
// match wins.
struct RngRules {
  std::vector<std::pair<Filter, Shape>> split = {}, broadcast = {};
  std::vector<Filter> fork = {};
};

// New Modules with new streams in the place of those that a rule matches (each takes one draw of the old one); everything
// else, streams without a rule included, is the very Variables of `module`. Throws ErrorKind::structure for a stream with
// rules of two lists.
Ref<ModuleBase> with_rngs_of(ModuleBase& module, const RngRules& rules);
template <class T> Ref<T> with_rngs(const Ref<T>& module, const RngRules& rules) { return as<T>(with_rngs_of(*module, rules)); }
inline Rngs with_rngs(Rngs& rngs, const RngRules& rules) { return *as<Rngs>(with_rngs_of(rngs, rules)); }

// What becomes of streams with several keys: an error, or as many keys split from the new one.
enum class ReseedPolicy { scalars_only, match_shape };
// Each stream of a given name starts again at count 0 with the next draw of a stream of that seed; streams in post-order.
void reseed_of(ModuleBase& module, const RngSources& seeds, ReseedPolicy policy = ReseedPolicy::scalars_only);
template <class T> void reseed(const Ref<T>& module, const RngSources& seeds, ReseedPolicy policy = ReseedPolicy::scalars_only) {
  reseed_of(*module, seeds, policy);
}

}  // namespace nnx
