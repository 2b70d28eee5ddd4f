#include "nnx/functional.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/selective_visitor.h"
#include "nnx/walk.h"

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

}  // namespace

Split split_states(ModuleBase& module, std::span<const Filter> filters) {
  Flattened flat = flatten(module);
  State all = state_from(flat);
  return {std::move(flat.def), all.split(filters)};
}

std::shared_ptr<ModuleBase> merge_states(const GraphDef& graphdef, std::span<const State> states) {
  State values = State::merge(states);
  const Paths paths = paths_of(graphdef);
  // A value under a later path of a shared Variable stands for it too, unless the first path has one as well.
  for (const auto& [path, node] : paths.later) {
    const NodeDef& def = graphdef.nodes[static_cast<size_t>(node)];
    if (def.form != NodeDef::Form::variable || !values.contains(path)) continue;
    const Path& first = paths.first[static_cast<size_t>(node)];
    if (values.contains(first))
      fail(ErrorKind::structure, {.where = "merge", .message = fmt::format("two values for one shared Variable: '{}' and '{}'", to_string(first), to_string(path))});
    values.insert(first, values.at(path));
    values.erase(path);
  }
  size_t used = 0;
  const auto take = [&](const Path& path) -> const StateLeaf& {
    if (!values.contains(path))
      fail(ErrorKind::structure, {.where = "merge", .message = fmt::format("no State has a value for '{}'", to_string(path)),
                                  .hint = "give merge every State that split returned"});
    ++used;
    return values.at(path);
  };
  const RebuildSource source{
      .module = {},
      .variable = [&](int node) {
        const NodeDef& def = graphdef.nodes[static_cast<size_t>(node)];
        Variable variable(*def.kind, take(paths.first[static_cast<size_t>(node)]).value, def.metadata);
        variable.cell()->tag = def.tag;
        variable.cell()->path = to_string(paths.first[static_cast<size_t>(node)]);
        return variable;
      },
      .array = [&](int number) { return take(paths.arrays[static_cast<size_t>(number)]).value; }};
  auto module = rebuild_module(graphdef, source);
  if (used != values.size())
    fail(ErrorKind::structure, {.where = "merge", .expected = fmt::format("{} values", used), .got = std::to_string(values.size()),
                                .hint = "a State has paths that the GraphDef has not"});
  return module;
}

void update_states(ModuleBase& module, std::span<const State> states) {
  const Flattened flat = flatten(module);
  std::map<Path, int> nodes;
  for (size_t i = 0; i < flat.variables.size(); ++i)
    if (flat.variables[i]) nodes[flat.paths[i]] = static_cast<int>(i);
  for (const auto& [path, node] : flat.aliases)
    if (flat.variables[static_cast<size_t>(node)]) nodes[path] = node;
  std::map<Path, Array*> arrays;
  for (const auto& [path, array] : flat.arrays) arrays[path] = array;

  std::map<int, Path> written;
  for (const State& state : states)
    for (const auto& [path, leaf] : state) {
      if (const auto array = arrays.find(path); array != arrays.end()) {
        *array->second = leaf.value;
        continue;
      }
      const auto node = nodes.find(path);
      if (node == nodes.end()) {
        const std::string near = nearest(to_string(path), state_from(flat).paths());
        fail(ErrorKind::structure, {.where = "update", .message = fmt::format("the module has no Variable '{}'", to_string(path)),
                                    .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
      }
      if (const auto [it, fresh] = written.emplace(node->second, path); !fresh)
        fail(ErrorKind::structure, {.where = "update", .message = fmt::format("two values for one shared Variable: '{}' and '{}'", to_string(it->second), to_string(path))});
      Variable variable = flat.variables[static_cast<size_t>(node->second)];
      variable.set(leaf.value);
    }
}

GraphDef graphdef_of(ModuleBase& module) { return flatten(module).def; }

State state_of(ModuleBase& module) { return state_from(flatten(module)); }

namespace {
class Popper final : public SelectiveVisitor {
 public:
  explicit Popper(const State& popped, const Flattened& flat) {
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

State pop_of(ModuleBase& module, const Filter& filter) {
  const Flattened flat = flatten(module);
  const State popped = state_from(flat).filter(filter);
  Popper popper(popped, flat);
  for (const auto& m : flat.modules)
    if (m) m->accept(popper);
  return popped;
}

namespace {
void visit_post_order(const Flattened& flat, int node, std::vector<bool>& seen, std::vector<Visited>& out) {
  const size_t n = static_cast<size_t>(node);
  if (seen[n]) return;
  seen[n] = true;
  for (const AttributeDef& a : flat.def.nodes[n].attributes)
    if (a.form == AttributeDef::Form::node) visit_post_order(flat, a.node, seen, out);
  if (flat.modules[n] || flat.variables[n]) out.push_back({flat.paths[n], flat.modules[n], flat.variables[n]});
}
}  // namespace

std::vector<Visited> iterate_of(ModuleBase& module) {
  const Flattened flat = flatten(module);
  std::vector<Visited> out;
  std::vector<bool> seen(flat.def.nodes.size(), false);
  visit_post_order(flat, 0, seen, out);
  return out;
}

std::vector<std::vector<Path>> find_duplicates_of(ModuleBase& module) {
  const Flattened flat = flatten(module);
  std::map<int, std::vector<Path>> groups;
  for (const auto& [path, node] : flat.aliases) {
    auto& group = groups[node];
    if (group.empty()) group.push_back(flat.paths[static_cast<size_t>(node)]);
    group.push_back(path);
  }
  std::vector<std::vector<Path>> out;
  for (auto& [node, paths] : groups) out.push_back(std::move(paths));
  return out;
}

namespace {
class AttributeSetter final : public SelectiveVisitor {
 public:
  AttributeSetter(std::string_view name, const StaticValue& value) : name_(name), value_(value) {}
  int found = 0;
  void attribute(FieldName name, StaticRef member) override {
    if (depth_ > 0 || name.index >= 0 || name.name != name_) return;
    member.set(value_);
    ++found;
  }
  void begin(FieldName, ContainerRef&) override { ++depth_; }
  void end() override { --depth_; }

 private:
  std::string_view name_;
  const StaticValue& value_;
  int depth_ = 0;
};

int set_everywhere(ModuleBase& module, std::string_view name, const StaticValue& value) {
  AttributeSetter setter(name, value);
  for (const auto& m : flatten(module).modules)
    if (m) m->accept(setter);
  return setter.found;
}
}  // namespace

void set_attributes_of(ModuleBase& module, std::string_view name, const StaticValue& value) {
  if (set_everywhere(module, name, value) == 0)
    fail(ErrorKind::structure, {.where = "set_attributes", .message = fmt::format("could not find at least one instance of the attribute '{}'", name)});
}

void set_training(ModuleBase& module, bool training) {
  set_everywhere(module, "deterministic", !training);
  set_everywhere(module, "use_running_average", !training);
}

}  // namespace nnx
