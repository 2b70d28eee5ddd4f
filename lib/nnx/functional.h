// The functional API: the boundary between objects with references and plain values.
//
//   auto [graphdef, params, others] = split(model, of<Param>, rest);
//   auto copy = merge<MLP>(graphdef, params, others);
//   update(model, params);
//   auto [y, after] = call<MLP>(graphdef, state, [&](Ref<MLP> m) { return m(x); });
//
// - Filters of split are exhaustive and the first match wins; a Variable reached by two paths has one leaf, under the
//   first path in flatten order, and stays one after merge.
// - Several objects split together keep what they share: split(std::tuple(model, optimizer)), and
//   merge<std::tuple<Ref<MLP>, Ref<Optimizer>>>(...). Variables, Arrays, lists, maps and tuples may be roots as well; the
//   path of a root that is a Variable or an Array itself is empty.
// - A State is a value: it shares Buffers with the objects, but changing one never changes the other until update().
#pragma once

#include <array>

#include "nnx/graphdef.h"
#include "nnx/pure_dict.h"
#include "nnx/state.h"
#include "nnx/walk.h"

namespace nnx {

namespace detail {
// Calls f with the roots of `value`, of which a copy is walked: handles share what they name.
template <class T, class F>
auto with_roots(const T& value, F f) {
  T copy = value;
  return f(Roots([&copy](FieldVisitor& v) { visit_field(v, "", copy); }));
}

template <size_t N>
auto as_tuple(std::vector<State> states) {
  return [&]<size_t... I>(std::index_sequence<I...>) { return std::tuple(std::move(states[I])...); }(std::make_index_sequence<N>());
}
}  // namespace detail

// ---- split
struct Split {
  GraphDef graphdef;
  std::vector<State> states;
};
// Throws ErrorKind::structure naming the paths that no filter matched. Without filters: one State.
Split split_states(ModuleBase& module, std::span<const Filter> filters);
Split split_states(const Roots& roots, std::span<const Filter> filters);

template <class T, std::same_as<Filter>... F>
auto split(const T& value, const F&... filters) {
  const std::vector<Filter> all{filters...};
  Split parts = detail::with_roots(value, [&](const Roots& roots) { return split_states(roots, all); });
  constexpr size_t count = std::max<size_t>(sizeof...(F), 1);
  return std::tuple_cat(std::tuple(std::move(parts.graphdef)), detail::as_tuple<count>(std::move(parts.states)));
}

// ---- merge
// New objects for `graphdef` with the values of `states`. Throws ErrorKind::structure: a leaf is missing or left over, two
// values for one shared Variable (naming both paths), or a type that cannot be made.
std::shared_ptr<ModuleBase> merge_states(const GraphDef& graphdef, std::span<const State> states);
void merge_states(const GraphDef& graphdef, std::span<const State> states, const Roots& into);

// A Ref<T> of a Module type T; any other T itself.
template <class T = ModuleBase, std::same_as<State>... S>
auto merge(const GraphDef& graphdef, const S&... states) {
  const std::array<State, sizeof...(S)> all{states...};
  if constexpr (std::derived_from<T, ModuleBase>) {
    return as<T>(Ref<ModuleBase>(merge_states(graphdef, all)));
  } else {
    T merged{};
    merge_states(graphdef, all, [&merged](FieldVisitor& v) { detail::visit_field(v, "", merged); });
    return merged;
  }
}

// ---- update
// Sets the Variables named by the States, in place; the others stay. An attribute that holds no Variable gets one, so what
// pop() took can be put back. Throws ErrorKind::structure for a path that the module has not. Kinds and metadata of
// Variables that are there stay.
void update_states(ModuleBase& module, std::span<const State> states);
template <class T, std::same_as<State>... S>
void update(const Ref<T>& module, const S&... states) {
  const std::array<State, sizeof...(S)> all{states...};
  update_states(*module, all);
}
// From plain nested maps, see pure_dict.h.
template <class T> void update(const Ref<T>& module, const PureDict& dict) { update(module, state_from_pure_dict(dict)); }

// ---- state, graphdef, clone
State state_of(ModuleBase& module);
GraphDef graphdef_of(ModuleBase& module);
template <class T>
GraphDef graphdef(const T& value) {
  return detail::with_roots(value, [](const Roots& roots) { return flatten(roots).def; });
}
// The State of what the filters match, each leaf with the first that does; unlike split they need not be exhaustive.
// Several filters give a tuple.
template <class T, std::same_as<Filter>... F>
auto state(const T& value, const F&... filters) {
  State all = detail::with_roots(value, [](const Roots& roots) { return std::move(split_states(roots, {}).states[0]); });
  if constexpr (sizeof...(F) == 0) return all;
  else if constexpr (sizeof...(F) == 1) return all.filter(filters...);
  else return detail::as_tuple<sizeof...(F)>(all.split(std::vector<Filter>{filters..., rest}));
}
template <class T>
T clone(const T& value) {   // new objects and Variables; Buffers are shared until one side writes
  Split parts = detail::with_roots(value, [](const Roots& roots) { return split_states(roots, {}); });
  T copy{};
  merge_states(parts.graphdef, parts.states, [&copy](FieldVisitor& v) { detail::visit_field(v, "", copy); });
  return copy;
}

// ---- pop
// Removes the matching Variables and bare Arrays from their Modules (the attributes become empty, sown ones disappear) and
// gives them as a State for each filter; several filters give a tuple.
std::vector<State> pop_of(ModuleBase& module, std::span<const Filter> filters);
template <class T, std::same_as<Filter>... F>
auto pop(const Ref<T>& module, const F&... filters) requires(sizeof...(F) > 0) {
  const std::array<Filter, sizeof...(F)> all{filters...};
  std::vector<State> popped = pop_of(*module, all);
  if constexpr (sizeof...(F) == 1) return std::move(popped[0]);
  else return detail::as_tuple<sizeof...(F)>(std::move(popped));
}

// ---- call
// A pure call: f(Ref<T>) on objects merged for it. Gives {f's result, the State after}, or that State when f returns void.
template <class T = ModuleBase, class F>
auto call(const GraphDef& graphdef, const State& before, F f) {
  const Ref<T> module = merge<T>(graphdef, before);
  if constexpr (std::is_void_v<std::invoke_result_t<F&, const Ref<T>&>>) {
    f(module);
    return state(module);
  } else {
    auto result = f(module);
    return std::pair(std::move(result), state(module));
  }
}

}  // namespace nnx
