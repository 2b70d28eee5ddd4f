// A View says where a value lies: in which stored value, and how the value's coordinates walk that storage.
//
// reshape, transpose, broadcast_in_dim, slice and reverse compute nothing: their results are Views of what they read,
// and whoever reads them walks the storage with the View's strides.
//   %1 = transpose(%0 f32[3,4])      ->  View{root %0, offset 0, strides {1, 4}}
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace nnx::plan {

struct View {
  Value root;                    // an input, a constant, or a result of a node that computes
  int64_t offset = 0;            // elements
  std::vector<int64_t> strides;  // elements; one a dimension of the value
};

std::vector<int64_t> row_major(const Shape& shape);

// Whether coordinates of `shape` walk the storage without gaps in row-major order (dimensions of size 1 do not matter).
bool is_contiguous(const View& view, const Shape& shape);

bool is_view_op(const OpDef& op);

// The View of a view op's result, given its operand's; none when a reshape cannot be expressed by strides.
std::optional<View> view_of(const Node& node, const View& operand, const Shape& operand_shape);

// The strides of `shape` walked as `to` (equal sizes), or none when a merged dimension has no single stride.
std::optional<std::vector<int64_t>> reshaped_strides(const Shape& shape, const std::vector<int64_t>& strides,
                                                     const Shape& to);

// The Views of all values of a Graph whose reshapes can all be expressed (layout() makes it so).
class Views {
 public:
  Views() = default;
  explicit Views(const Graph& graph);
  // The operand itself when its node is no view.
  View at(const Graph& graph, Value value) const;
  Value root(Value value) const;  // of at(value), faster
  // Whether `value` is all of its root in row-major order: the same bytes.
  bool is_whole(Value value) const;

 private:
  struct Entry {
    View view;
    bool whole;
  };
  std::vector<std::optional<Entry>> of_node_;  // of view nodes
};

// The op of nodes that the plan inserts to give a view a storage of its own. Copies with different tags stay apart
// under hash-consing; `apart` keeps one out of fused passes.
struct CopyAttrs {
  int tag = 0;
  bool apart = false;
  static void fields(auto& self, auto&& f) {
    f("tag", self.tag);
    f("apart", self.apart);
  }
};
extern const OpDef copy_op;

}  // namespace nnx::plan
