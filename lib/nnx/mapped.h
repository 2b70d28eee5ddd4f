// What vmap and scan share: arguments with axes, their sizes, and random streams that are split over the lanes.
#pragma once

#include <optional>

#include "nnx/axes.h"
#include "nnx/traced_call.h"

namespace nnx::detail {

// A random stream with a single key under a mapped axis.
struct SplitStream {
  size_t key, count;      // cells of the arguments
};

struct MappedArguments {
  // Throws ErrorKind::structure and ErrorKind::shape as vmap does.
  MappedArguments(std::string_view transform, const LiftedCall& call, const std::vector<LaneAxes>& all_axes);

  std::string where;                         // the transform, for messages
  Arguments arguments;
  LaneAxes in_axes;
  std::vector<Axis> axes;                    // of cells, Arrays and Numbers; mapped ones count from the front
  std::vector<SplitStream> streams;
  std::optional<int64_t> size;               // of the mapped axes
  size_t sized_by = 0;                       // the leaf that says so

  bool is_split_key(size_t leaf) const;
  bool is_split_count(size_t leaf) const;
  bool has_axis(size_t leaf) const;          // among lanes(): keys of split streams do, their counts start at 0 in each
  int64_t resolved_size(std::optional<int64_t> given, std::string_view option) const;
  std::vector<Type> lane_types() const;      // what one lane sees
  Arrays lanes(int64_t lane_count) const;    // what all lanes see, mapped axes in front; draws the keys of the streams
  void restore_streams() const;              // after the run: every stream as it was, its count one up

  Axis axis_of_output(const TracedCall& traced, const Output& output, const LaneAxes& out_axes) const;
  std::string output_text(const TracedCall& traced, const Output& output) const;
};

// LaneAxes of a result: one entry for all of it, or one for each element.
LaneAxes result_axes(const std::vector<LaneAxes>& out_axes, const ResultSlot& result, std::string_view where);

}  // namespace nnx::detail
