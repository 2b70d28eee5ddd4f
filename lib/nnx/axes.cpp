#include "nnx/axes.h"

#include <fmt/format.h>

#include "base/error.h"

namespace nnx {

std::string Axis::to_string() const {
  switch (form) {
    case Form::mapped: return std::to_string(index);
    case Form::none: return "no axis";
    case Form::carry: return "Carry";
  }
  return {};
}

LaneAxes each(std::vector<LaneAxes> elements) {
  LaneAxes axes(0);
  axes.elements = std::move(elements);
  return axes;
}

namespace detail {
namespace {

Axis axis_below(const LaneAxes& axes, const AxesQuery& leaf, size_t depth, std::string_view where) {
  if (!axes.elements.empty()) {
    const bool is_element = depth < leaf.path.size() && leaf.path[depth].index >= 0;
    const auto element = is_element ? static_cast<size_t>(leaf.path[depth].index) : 0;
    if (!is_element || element >= axes.elements.size())
      fail(ErrorKind::structure, {.where = std::string(where), .expected = fmt::format("{} elements, as the axes list", axes.elements.size()),
                                  .got = fmt::format("a leaf at '{}'", to_string(leaf.path))});
    return axis_below(axes.elements[element], leaf, depth + 1, where);
  }
  if (axes.by_filter.empty()) return axes.all;
  const Path below(leaf.path.begin() + static_cast<std::ptrdiff_t>(depth), leaf.path.end());
  for (const auto& [filter, axis] : axes.by_filter)
    if (filter.matches({below, leaf.kind, leaf.tag, leaf.metadata, leaf.holder})) return axis;
  fail(ErrorKind::structure, {.where = std::string(where),
                              .message = fmt::format("No axis found for path={} ({})", to_string(below), leaf.kind.name),
                              .hint = "end the StateAxes with {rest, axis}"});
}

}  // namespace

Axis axis_of(const LaneAxes& axes, const AxesQuery& leaf, std::string_view where) { return axis_below(axes, leaf, 0, where); }

LaneAxes listed(const std::vector<LaneAxes>& axes, size_t count, std::string_view where, std::string_view what) {
  if (axes.size() == 1) return each(std::vector<LaneAxes>(count, axes[0]));
  if (axes.size() != count)
    fail(ErrorKind::structure, {.where = std::string(where), .expected = fmt::format("{} entries, one for each of the {}", count, what),
                                .got = std::to_string(axes.size())});
  return each(axes);
}

int checked_axis(int axis, int rank, std::string_view where, const std::string& leaf) {
  const int counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank)
    fail(ErrorKind::shape, {.where = fmt::format("{}: {}", where, leaf), .expected = fmt::format("an axis {}", axis),
                            .got = fmt::format("{} dimensions", rank)});
  return counted;
}

}  // namespace detail
}  // namespace nnx
