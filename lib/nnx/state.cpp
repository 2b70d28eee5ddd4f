#include "nnx/state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace nnx {

bool operator==(const StateLeaf& a, const StateLeaf& b) {
  if (a.kind != b.kind || a.tag != b.tag || a.metadata != b.metadata || !(a.value.type() == b.value.type())) return false;
  if (!a.value.concrete() || !b.value.concrete())
    return a.value.trace() == b.value.trace() && a.value.value() == b.value.value() && a.value.concrete() == b.value.concrete();
  return a.value.buffer() == b.value.buffer() ||
         std::memcmp(a.value.buffer()->data(), b.value.buffer()->data(), a.value.type().bytes()) == 0;
}

const StateLeaf& State::at(const Path& path) const {
  const auto it = leaves_.find(path);
  if (it != leaves_.end()) return it->second;
  const std::string near = nearest(nnx::to_string(path), paths());
  fail(ErrorKind::structure, {.where = "State", .message = fmt::format("there is no path '{}'", nnx::to_string(path)),
                              .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
}

void State::insert(Path path, StateLeaf leaf) { leaves_[std::move(path)] = std::move(leaf); }

void State::set(std::string_view path, Array value) {
  at(path);   // the error for a path that is not there
  leaves_.find(parse_path(path))->second.value = std::move(value);
}

std::vector<State> State::split(std::span<const Filter> filters) const {
  if (filters.empty()) return {*this};
  for (size_t i = 0; i + 1 < filters.size(); ++i)
    if (filters[i].is_rest() && !filters[i + 1].is_rest())
      fail(ErrorKind::structure, {.where = "split", .message = fmt::format("`...` can only be used as the last filters, got it at index {}", i)});
  std::vector<State> parts(filters.size());
  std::vector<std::string> left_over;
  for (const auto& [path, leaf] : leaves_) {
    const LeafInfo info{path, *leaf.kind, leaf.tag, &leaf.metadata, leaf.holder, &leaf.value};
    size_t i = 0;
    while (i < filters.size() && !filters[i].matches(info)) ++i;
    if (i < filters.size()) parts[i].insert(path, leaf);
    else left_over.push_back(fmt::format("{} ({})", nnx::to_string(path), leaf.kind->name));
  }
  if (!left_over.empty())
    fail(ErrorKind::structure, {.where = "split", .message = fmt::format("Non-exhaustive filters, got a non-empty remainder: {}", fmt::join(left_over, ", ")),
                                .hint = "use `rest` to match all remaining Variables"});
  return parts;
}

State State::filter(const Filter& filter) const {
  State out;
  for (const auto& [path, leaf] : leaves_)
    if (filter.matches({path, *leaf.kind, leaf.tag, &leaf.metadata, leaf.holder, &leaf.value})) out.insert(path, leaf);
  return out;
}

State State::below(std::string_view prefix) const {
  const Path above = parse_path(prefix);
  State out;
  for (const auto& [path, leaf] : leaves_)
    if (path.size() > above.size() && std::ranges::equal(above, std::span(path).first(above.size())))
      out.insert(Path(path.begin() + static_cast<std::ptrdiff_t>(above.size()), path.end()), leaf);
  return out;
}

State State::merge(std::span<const State> states) {
  State out;
  for (const State& state : states)
    for (const auto& [path, leaf] : state)
      if (!out.leaves_.emplace(path, leaf).second)
        fail(ErrorKind::structure, {.where = "State", .message = fmt::format("two States have a value for '{}'", nnx::to_string(path))});
  return out;
}

State State::map(const std::function<Array(const Path&, const Array&)>& f) const {
  State out = *this;
  for (auto& [path, leaf] : out) leaf.value = f(path, leaf.value);
  return out;
}

size_t State::bytes() const {
  size_t total = 0;
  for (const auto& [path, leaf] : leaves_) total += leaf.value.type().bytes();
  return total;
}

int64_t State::elements() const {
  int64_t total = 0;
  for (const auto& [path, leaf] : leaves_) total += leaf.value.size();
  return total;
}

std::vector<std::string> State::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, leaf] : leaves_) out.push_back(nnx::to_string(path));
  return out;
}

State diff(const State& a, const State& b) {
  State out;
  for (const auto& [path, leaf] : a)
    if (!b.contains(path)) out.insert(path, leaf);
  return out;
}

}  // namespace nnx
