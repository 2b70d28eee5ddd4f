// The functional API: the boundary between objects with references and plain values.
//
//   auto [graphdef, params, rest_state] = split(model, of<Param>, rest);
//   auto copy = merge<MLP>(graphdef, params, rest_state);
//   update(model, params);
//
// Filters of split are exhaustive and the first match wins; a Variable reached by two paths has one leaf, under the first
// path in flatten order, and stays one after merge.
#pragma once

#include <array>

#include "nnx/graphdef.h"
#include "nnx/state.h"

namespace nnx {

// ---- split
struct Split {
  GraphDef graphdef;
  std::vector<State> states;
};
// Throws ErrorKind::structure naming the paths that no filter matched. Without filters: one State.
Split split_states(ModuleBase& module, std::span<const Filter> filters);

template <class T>
std::tuple<GraphDef, State> split(const Ref<T>& module) {
  Split parts = split_states(*module, {});
  return {std::move(parts.graphdef), std::move(parts.states[0])};
}
template <class T, std::same_as<Filter>... F>
auto split(const Ref<T>& module, const F&... filters) requires(sizeof...(F) > 0) {
  const std::array<Filter, sizeof...(F)> all{filters...};
  Split parts = split_states(*module, all);
  return [&]<size_t... I>(std::index_sequence<I...>) {
    return std::tuple(std::move(parts.graphdef), std::move(parts.states[I])...);
  }(std::index_sequence_for<F...>());
}

// ---- merge
// New objects for `graphdef` with the values of `states`. Throws ErrorKind::structure: a leaf is missing or left over, two
// values for one shared Variable (naming both paths), or a type that cannot be made.
std::shared_ptr<ModuleBase> merge_states(const GraphDef& graphdef, std::span<const State> states);

template <class T = ModuleBase, std::same_as<State>... S>
Ref<T> merge(const GraphDef& graphdef, const S&... states) {
  const std::array<State, sizeof...(S)> all{states...};
  return as<T>(Ref<ModuleBase>(merge_states(graphdef, all)));
}

// ---- update, state, graphdef, clone, pop
// Sets the Variables named by the States, in place; the others stay. Throws for a path that the module has not.
void update_states(ModuleBase& module, std::span<const State> states);
template <class T, std::same_as<State>... S>
void update(const Ref<T>& module, const S&... states) {
  const std::array<State, sizeof...(S)> all{states...};
  update_states(*module, all);
}

GraphDef graphdef_of(ModuleBase& module);
template <class T> GraphDef graphdef(const Ref<T>& module) { return graphdef_of(*module); }
State state_of(ModuleBase& module);
template <class T> State state(const Ref<T>& module) { return state_of(*module); }
template <class T> State state(const Ref<T>& module, const Filter& filter) { return state_of(*module).filter(filter); }
template <class T> Ref<T> clone(const Ref<T>& module) {   // new objects; Buffers are shared until one side writes
  auto [def, values] = split(module);
  return merge<T>(def, values);
}
// Removes the matching Variables from their objects (the attributes become empty) and gives them as a State.
State pop_of(ModuleBase& module, const Filter& filter);
template <class T> State pop(const Ref<T>& module, const Filter& filter) { return pop_of(*module, filter); }

// ---- looking around
struct Visited {
  Path path;
  std::shared_ptr<ModuleBase> module;   // either this
  Variable variable;                    // or this
};
// Every Module and Variable once, each after what it holds (Flax's iter_graph order); the root last.
std::vector<Visited> iterate_of(ModuleBase& module);
template <class T> std::vector<Visited> iterate(const Ref<T>& module) { return iterate_of(*module); }
// The paths of every Variable and Module that is reached more than once, first path first.
std::vector<std::vector<Path>> find_duplicates_of(ModuleBase& module);
template <class T> auto find_duplicates(const Ref<T>& module) { return find_duplicates_of(*module); }

// ---- attributes of many modules at once
// Sets a static attribute wherever a Module has it; throws when none has.
void set_attributes_of(ModuleBase& module, std::string_view name, const StaticValue& value);
template <class T> void set_attributes(const Ref<T>& module, std::string_view name, const StaticValue& value) {
  set_attributes_of(*module, name, value);
}
// Training and evaluation mode: `deterministic` and `use_running_average` wherever they are.
void set_training(ModuleBase& module, bool training);
template <class T> void train(const Ref<T>& module) { set_training(*module, true); }
template <class T> void eval(const Ref<T>& module) { set_training(*module, false); }

}  // namespace nnx
