// LaneAxes say along which axis the leaves of an argument or result are mapped by vmap and scan.
//
//   vmap(f, {.in_axes = {0, no_axis}});                                   // one entry an argument; one alone is for all
//   vmap(f, {.in_axes = {StateAxes{{of<Param>, 0}, {rest, no_axis}}}});   // by filter, the first match wins
//   scan(f, {.in_axes = {Carry, 0}, .out_axes = {Carry, each({0, 1})}});  // by element of a tuple
//
// Negative axes count from the end. Static values and Numbers have no axis: every lane sees the same.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nnx/filter.h"

namespace nnx {

struct Axis {
  enum class Form : uint8_t { mapped, none, carry };
  Form form = Form::mapped;
  int index = 0;                                   // of a mapped one
  constexpr Axis(Form f, int i = 0) : form(f), index(i) {}
  constexpr Axis(int i) : index(i) {}
  bool mapped() const { return form == Form::mapped; }
  std::string to_string() const;                   // "0", "no axis", "Carry"
  friend bool operator==(const Axis&, const Axis&) = default;
};
inline constexpr Axis no_axis{Axis::Form::none};   // broadcast: the same for every lane
inline constexpr Axis Carry{Axis::Form::carry};    // of scan: what one iteration leaves the next one finds

using StateAxes = std::vector<std::pair<Filter, Axis>>;

struct LaneAxes {
  Axis all = 0;
  StateAxes by_filter = {};                        // instead of `all`
  std::vector<LaneAxes> elements = {};                 // instead of both: of a tuple, list or argument list

  LaneAxes(int index) : all(index) {}
  LaneAxes(Axis axis) : all(axis) {}
  LaneAxes(StateAxes filters) : by_filter(std::move(filters)) {}
  bool is_carry() const { return by_filter.empty() && elements.empty() && all == Carry; }
};
LaneAxes each(std::vector<LaneAxes> elements);             // one entry for each element of a tuple or list

namespace detail {

// A leaf as the error messages name it.
struct AxesQuery {
  const Path& path;                                // from the root that the axes are for
  const VariableKind& kind;
  const std::string& tag;
  const Metadata* metadata = nullptr;
  const ModuleType* holder = nullptr;
};

// The axis of one leaf. Throws ErrorKind::structure: "No axis found for path=...", or elements that are not there.
Axis axis_of(const LaneAxes& axes, const AxesQuery& leaf, std::string_view where);

// The axes of an argument list or of a result with `count` elements: one entry is for all.
LaneAxes listed(const std::vector<LaneAxes>& axes, size_t count, std::string_view where, std::string_view what);

// `axis` counted from the front in `rank` dimensions; throws ErrorKind::shape naming the leaf.
int checked_axis(int axis, int rank, std::string_view where, const std::string& leaf);

}  // namespace detail
}  // namespace nnx
