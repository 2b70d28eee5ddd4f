#include "nnx/functional.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/capture.h"
#include "nnx/selective_visitor.h"

namespace nnx {
namespace {

// The kind of bare Arrays in a State: they are not Variables, but state all the same.
const VariableKind& array_kind() {
  static const VariableKind kind{"Array", nullptr};
  return kind;
}

State state_from(const Flattened& flat) {
  State state;
  for (size_t i = 0; i < flat.variables.size(); ++i)
    if (const Variable& v = flat.variables[i])
      state.insert(flat.paths[i], {v.get(), &v.kind(), v.metadata(), v.tag(), flat.holders[i]});
  for (const auto& [path, array] : flat.arrays) state.insert(path, {*array, &array_kind()});
  return state;
}

// The paths of a GraphDef: first path by node, later ones, and those of bare Arrays by number.
struct Paths {
  std::vector<Path> first;
  std::vector<std::pair<Path, int>> later;
  std::vector<Path> arrays;
};

void walk_paths(const GraphDef& def, int node, const Path& path, Paths& out, std::vector<bool>& seen) {
  seen[static_cast<size_t>(node)] = true;
  out.first[static_cast<size_t>(node)] = path;
  for (const AttributeDef& a : def.nodes[static_cast<size_t>(node)].attributes) {
    Path child = path;
    child.push_back(a.key);
    if (a.form == AttributeDef::Form::array) out.arrays.push_back(child);
    if (a.form != AttributeDef::Form::node) continue;
    if (seen[static_cast<size_t>(a.node)]) out.later.emplace_back(child, a.node);
    else walk_paths(def, a.node, child, out, seen);
  }
}

Paths paths_of(const GraphDef& def) {
  Paths out;
  out.first.resize(def.nodes.size());
  std::vector<bool> seen(def.nodes.size(), false);
  if (!def.nodes.empty()) walk_paths(def, 0, {}, out, seen);
  return out;
}

[[noreturn]] void fail_two_values(const char* where, const Path& first, const Path& second) {
  fail(ErrorKind::structure, {.where = where, .message = fmt::format("two values for one shared Variable: '{}' and '{}'", to_string(first), to_string(second))});
}

// The values of a merge, by node of its GraphDef.
class Merger {
 public:
  Merger(const GraphDef& graphdef, std::span<const State> states)
      : graphdef_(graphdef), values_(State::merge(states)), paths_(paths_of(graphdef)) {
    // A value under a later path of a shared Variable stands for it too, unless the first path has one as well.
    for (const auto& [path, node] : paths_.later) {
      if (graphdef.nodes[static_cast<size_t>(node)].form != NodeDef::Form::variable || !values_.contains(path)) continue;
      const Path& first = paths_.first[static_cast<size_t>(node)];
      if (values_.contains(first)) fail_two_values("merge", first, path);
      values_.insert(first, values_.at(path));
      values_.erase(path);
    }
  }

  RebuildSource source() {
    return {.module = {}, .variable = [this](int node) { return variable(static_cast<size_t>(node)); },
            .array = [this](int number) { return take(paths_.arrays[static_cast<size_t>(number)]); }};
  }

  void expect_all_used() const {
    if (used_ != values_.size())
      fail(ErrorKind::structure, {.where = "merge", .expected = fmt::format("{} values", used_), .got = std::to_string(values_.size()),
                                  .hint = "a State has paths that the GraphDef has not"});
  }

 private:
  Variable variable(size_t node) {
    const NodeDef& def = graphdef_.nodes[node];
    Variable made(*def.kind, take(paths_.first[node]), def.metadata);
    made.cell()->tag = def.tag;
    made.cell()->path = to_string(paths_.first[node]);
    return made;
  }
  const Array& take(const Path& path) {
    if (!values_.contains(path))
      fail(ErrorKind::structure, {.where = "merge", .message = fmt::format("no State has a value for '{}'", to_string(path)),
                                  .hint = "give merge every State that split returned"});
    ++used_;
    return values_.at(path).value;
  }

  const GraphDef& graphdef_;
  State values_;
  Paths paths_;
  size_t used_ = 0;
};

}  // namespace

Split split_states(ModuleBase& module, std::span<const Filter> filters) {
  Flattened flat = flatten(module);
  const State all = state_from(flat);
  return {std::move(flat.def), all.split(filters)};
}

Split split_states(const Roots& roots, std::span<const Filter> filters) {
  Flattened flat = flatten(roots);
  if (flat.def.nodes.empty())
    fail(ErrorKind::structure, {.where = "split", .expected = "a Module, a Variable, or a list, map or tuple of these",
                                .got = flat.arrays.empty() ? "an empty reference or a static value" : "an Array"});
  const State all = state_from(flat);
  return {std::move(flat.def), all.split(filters)};
}

std::shared_ptr<ModuleBase> merge_states(const GraphDef& graphdef, std::span<const State> states) {
  Merger merger(graphdef, states);
  auto module = rebuild_module(graphdef, merger.source());
  merger.expect_all_used();
  return module;
}

void merge_states(const GraphDef& graphdef, std::span<const State> states, const Roots& into) {
  Merger merger(graphdef, states);
  rebuild(graphdef, into, merger.source());
  merger.expect_all_used();
}

// ---- update

namespace {

// Where the values of an update go.
struct Places {
  std::map<Path, Variable> variables;
  std::map<Path, Array*> arrays;
  std::map<Path, Variable*> empty;
};

Places places_of(const Flattened& flat) {
  Places out;
  for (size_t i = 0; i < flat.variables.size(); ++i)
    if (flat.variables[i]) out.variables.emplace(flat.paths[i], flat.variables[i]);
  for (const auto& [path, node] : flat.aliases)
    if (flat.variables[static_cast<size_t>(node)]) out.variables.emplace(path, flat.variables[static_cast<size_t>(node)]);
  for (const auto& [path, array] : flat.arrays) out.arrays.emplace(path, array);
  for (const auto& [path, variable] : flat.empty) out.empty.emplace(path, variable);
  return out;
}

void fail_no_place(const Flattened& flat, const Path& path) {
  const std::string near = nearest(to_string(path), state_from(flat).paths());
  fail(ErrorKind::structure, {.where = "update", .message = fmt::format("the module has no Variable '{}'", to_string(path)),
                              .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
}

}  // namespace

void update_states(ModuleBase& module, std::span<const State> states) {
  const Flattened flat = flatten(module);
  Places places = places_of(flat);
  // Everything is checked before anything is written.
  std::map<const Cell*, Path> written;
  for (const State& state : states)
    for (const auto& [path, leaf] : state) {
      const auto variable = places.variables.find(path);
      if (variable != places.variables.end()) {
        const auto [first, fresh] = written.emplace(variable->second.cell().get(), path);
        if (!fresh) fail_two_values("update", first->second, path);
      } else if (!places.arrays.contains(path) && !places.empty.contains(path)) {
        fail_no_place(flat, path);
      }
    }
  for (const State& state : states)
    for (const auto& [path, leaf] : state) {
      if (const auto array = places.arrays.find(path); array != places.arrays.end()) *array->second = leaf.value;
      else if (const auto slot = places.empty.find(path); slot != places.empty.end()) {
        *slot->second = Variable(*leaf.kind, leaf.value, leaf.metadata);
        slot->second->cell()->tag = leaf.tag;
      } else places.variables.at(path).set(leaf.value);
    }
}

GraphDef graphdef_of(ModuleBase& module) { return flatten(module).def; }

State state_of(ModuleBase& module) { return state_from(flatten(module)); }

// ---- pop

namespace {
class Popper final : public SelectiveVisitor {
 public:
  Popper(const State& popped, const Flattened& flat) {
    for (size_t i = 0; i < flat.variables.size(); ++i)
      if (flat.variables[i] && popped.contains(flat.paths[i])) cells_.push_back(flat.variables[i].cell().get());
  }
  void variable(FieldName, Variable& v) override {
    if (v && std::ranges::find(cells_, v.cell().get()) != cells_.end()) v = Variable();
  }

 private:
  std::vector<const Cell*> cells_;
};
}  // namespace

std::vector<State> pop_of(ModuleBase& module, std::span<const Filter> filters) {
  const Flattened flat = flatten(module);
  std::vector<Filter> all(filters.begin(), filters.end());
  all.push_back(rest);
  std::vector<State> parts = state_from(flat).split(all);
  parts.pop_back();
  const State popped = State::merge(parts);
  Popper popper(popped, flat);
  for (const auto& m : flat.modules)
    if (m) {
      m->accept(popper);
      detail::drop_empty_sown(*m);
    }
  for (const auto& [path, array] : flat.arrays)
    if (popped.contains(path)) *array = Array();
  return parts;
}

}  // namespace nnx
