// Going through every object of a graph: listing, finding what is shared, and making mapped copies.
//
//   for (const Visited& v : iterate(model)) ...                     // post-order, each object once
//   auto scaled = map([](const Path&, const Array& x) { return x * 0.5; }, model);
//   model = recursive_map([&](const Path&, const Ref<ModuleBase>& m) -> Ref<ModuleBase> {
//     return is<Linear>(m) ? make<LoRALinear>(as<Linear>(m), 4, rngs) : m;
//   }, model);
#pragma once

#include "nnx/functional.h"

namespace nnx {

// One of these, and where it was met first.
struct Visited {
  Path path;
  std::shared_ptr<ModuleBase> module;
  Variable variable;
  Array array = {};   // a bare Array
};
// Every Module and Variable once, each after what it holds (Flax's iter_graph order), and bare Arrays where they are; the
// root last.
std::vector<Visited> iterate_of(ModuleBase& module);
template <class T> std::vector<Visited> iterate(const Ref<T>& module) { return iterate_of(*module); }

struct VisitedModule {
  Path path;
  Ref<ModuleBase> module;
};
// The Modules alone, in the same order. Random streams are state rather than layers: they are left out.
std::vector<VisitedModule> iterate_modules_of(ModuleBase& module);
template <class T> std::vector<VisitedModule> iterate_modules(const Ref<T>& module) { return iterate_modules_of(*module); }
// Those that `module` itself holds, in flatten order, also through its lists and maps; one held twice comes once.
std::vector<VisitedModule> children_of(ModuleBase& module);
template <class T> std::vector<VisitedModule> children(const Ref<T>& module) { return children_of(*module); }

// The paths of every Variable and Module that is reached more than once, first path first.
std::vector<std::vector<Path>> find_duplicates_of(ModuleBase& module);
template <class T> auto find_duplicates(const Ref<T>& module) { return find_duplicates_of(*module); }

template <class M, class T>
bool is(const Ref<T>& module) { return dynamic_cast<const M*>(module.shared().get()) != nullptr; }

// New objects with f of each value; a shared Variable is mapped once, under its first path.
template <class T>
Ref<T> map(const std::function<Array(const Path&, const Array&)>& f, const Ref<T>& module) {
  const auto [graphdef, values] = split(module);
  return merge<T>(graphdef, values.map(f));
}

// f of every Module, from the leaves up: what it gives stands in the Module's place, also where that is shared. The
// Modules that f sees are copies, their Variables the very ones of `module`. Throws ErrorKind::structure for a cycle, and
// for a Module that does not fit where the old one stood.
using ModuleMap = std::function<Ref<ModuleBase>(const Path&, const Ref<ModuleBase>&)>;
Ref<ModuleBase> recursive_map_of(const ModuleMap& f, ModuleBase& module);
template <class T>
Ref<T> recursive_map(const ModuleMap& f, const Ref<T>& module) { return as<T>(recursive_map_of(f, *module)); }

// New Modules that hold the same Variables: what recursive_map and view begin with.
Ref<ModuleBase> copy_modules_of(ModuleBase& module);

}  // namespace nnx
