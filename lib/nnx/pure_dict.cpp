#include "nnx/pure_dict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace nnx {

const PureDict& PureDict::at(const Key& key) const {
  const auto it = children.find(key);
  if (it != children.end()) return it->second;
  std::vector<std::string> names;
  for (const auto& [name, child] : children) names.push_back(name.to_string());
  fail(ErrorKind::structure, {.where = "PureDict", .message = fmt::format("there is no key '{}'", key.to_string()),
                              .hint = names.empty() ? "" : fmt::format("it has {}", fmt::join(names, ", "))});
}

PureDict to_pure_dict(const State& state) {
  PureDict root;
  for (const auto& [path, leaf] : state) {
    PureDict* at = &root;
    for (const Key& key : path) at = &at->children[key];
    at->array = leaf.value;
  }
  return root;
}

namespace {
void add_leaves(const PureDict& dict, Path& path, State& out) {
  if (dict.array.defined()) out.insert(path, {dict.array, &Variable::base_kind()});
  for (const auto& [key, child] : dict.children) {
    path.push_back(key);
    add_leaves(child, path, out);
    path.pop_back();
  }
}
}  // namespace

State state_from_pure_dict(const PureDict& dict) {
  State out;
  Path path;
  add_leaves(dict, path, out);
  return out;
}

void replace_by_pure_dict(State& state, const PureDict& dict) {
  const State given = state_from_pure_dict(dict);
  State replaced = state;
  for (const auto& [path, leaf] : given) {
    const Path there = state.contains(path) ? path : parse_path(to_string(path));
    if (!state.contains(there)) {
      const std::string near = nearest(to_string(path), state.paths());
      fail(ErrorKind::structure, {.where = "replace_by_pure_dict",
                                  .message = fmt::format("key in pure_dict not available in state: {}", to_string(path)),
                                  .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
    }
    StateLeaf changed = state.at(there);
    changed.value = leaf.value;
    replaced.insert(there, std::move(changed));
  }
  state = std::move(replaced);   // all or nothing
}

}  // namespace nnx
