#include "nnx/carry.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnx::detail {
namespace {

bool starts_with(const Path& path, const Path& prefix) {
  return path.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

// A path below `prefix` of the result as the same place below the carried argument.
Path in_argument(const Path& path, const Path& prefix, size_t argument) {
  Path out{Key(static_cast<int64_t>(argument))};
  out.insert(out.end(), path.begin() + static_cast<std::ptrdiff_t>(prefix.size()), path.end());
  return out;
}

[[noreturn]] void fail_references(std::string_view where, const Path& path) {
  fail(ErrorKind::structure, {.where = std::string(where),
                              .message = fmt::format("Carry references must be the same between iterations: {} is another object",
                                                     argument_text(path)),
                              .hint = "change the values of its Variables instead"});
}

// Every object of the carried result must be the one that came in at the same place.
template <class T>
void expect_same_objects(const std::vector<T*>& before, const std::vector<Path>& before_paths, const std::vector<T*>& after,
                         const std::vector<Path>& after_paths, const Path& prefix, size_t argument, std::string_view where) {
  for (size_t i = 0; i < after.size(); ++i) {
    if (!starts_with(after_paths[i], prefix)) continue;
    const Path path = in_argument(after_paths[i], prefix, argument);
    const auto at = std::ranges::find(before_paths, path);
    const bool same = at == before_paths.end() ? std::ranges::find(before, after[i]) != before.end()
                                               : before[static_cast<size_t>(at - before_paths.begin())] == after[i];
    if (!same) fail_references(where, path);
  }
}

}  // namespace

void expect_same_structure(const Arguments& arguments, const TracedCall& traced, std::string_view where) {
  const std::vector<Difference> changes = structure_changes(arguments, traced);
  if (!changes.empty())
    fail(ErrorKind::structure, {.where = std::string(where),
                                .message = fmt::format("the structure of its arguments must be the same after every iteration, but the function changes {}",
                                                       to_string(changes.front())),
                                .hint = "make and replace objects outside"});
}

std::vector<Carried> match_carry(const Arguments& arguments, const TracedCall& traced, size_t argument, const Path& prefix,
                                 std::string_view where) {
  const Leaves &before = arguments.leaves, &after = traced.result_leaves;
  expect_same_objects(before.modules, before.module_paths, after.modules, after.module_paths, prefix, argument, where);
  expect_same_objects(before.cells, before.cell_paths, after.cells, after.cell_paths, prefix, argument, where);

  std::vector<Carried> carried;
  std::vector<bool> matched(before.arrays.size(), false);
  for (size_t o = 0; o < traced.outputs.size(); ++o) {
    const Output& output = traced.outputs[o];
    if (output.form != Output::Form::result || !starts_with(traced.result_paths[output.index], prefix)) continue;
    const Path path = in_argument(traced.result_paths[output.index], prefix, argument);
    const auto at = static_cast<size_t>(std::ranges::find(before.array_paths, path) - before.array_paths.begin());
    if (at == before.array_paths.size())
      fail(ErrorKind::structure, {.where = std::string(where), .message = fmt::format("the carry gains {}, which was not there before", argument_text(path))});
    matched[at] = true;
    carried.push_back({before.cells.size() + at, o});
  }
  const auto in_module = [&](const Path& path) {
    return std::ranges::any_of(before.module_paths, [&](const Path& module) { return starts_with(path, module); });
  };
  const Path root{Key(static_cast<int64_t>(argument))};
  for (size_t i = 0; i < before.arrays.size(); ++i)
    if (!matched[i] && starts_with(before.array_paths[i], root) && !in_module(before.array_paths[i]))
      fail(ErrorKind::structure, {.where = std::string(where), .message = fmt::format("the carry loses {}", argument_text(before.array_paths[i]))});
  return carried;
}

void expect_same_types(const Arguments& arguments, const TracedCall& traced, std::span<const Carried> carried,
                       std::string_view where) {
  for (const Carried& c : carried) {
    const Type &before = arguments.values[c.leaf].type(), &after = traced.graph.type(traced.graph.outputs[c.output]);
    if (before != after)
      fail(ErrorKind::shape, {.where = std::string(where),
                              .message = fmt::format("the carry must keep its type, but {} changes from {} to {}", arguments.leaf_text(c.leaf),
                                                     before.to_string(), after.to_string())});
  }
}

}  // namespace nnx::detail
