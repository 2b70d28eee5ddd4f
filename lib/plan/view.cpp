#include "plan/view.h"

#include <algorithm>

#include "base/error.h"
#include "ops/attrs.h"

namespace nnx::plan {

const OpDef copy_op{.name = "copy", .family = Family::elementwise, .infer = [](std::span<const Type> in, const Attrs&) {
                      return std::vector<Type>{in[0]};
                    }};

std::vector<int64_t> row_major(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()));
  int64_t stride = 1;
  for (int d = shape.rank(); d-- > 0; stride *= shape[d]) strides[static_cast<size_t>(d)] = stride;
  return strides;
}

bool is_contiguous(const View& view, const Shape& shape) {
  if (shape.size() == 0) return true;
  const std::vector<int64_t> expected = row_major(shape);
  for (int d = 0; d < shape.rank(); ++d)
    if (shape[d] != 1 && view.strides[static_cast<size_t>(d)] != expected[static_cast<size_t>(d)]) return false;
  return true;
}

bool is_view_op(const OpDef& op) {
  return op.name == "reshape" || op.name == "transpose" || op.name == "broadcast_in_dim" || op.name == "slice" ||
         op.name == "reverse";
}

std::optional<std::vector<int64_t>> reshaped_strides(const Shape& shape, const std::vector<int64_t>& strides,
                                                     const Shape& to) {
  if (shape.size() == 0) return row_major(to);
  // Maximal evenly strided runs, innermost first; then each dimension of `to` must lie within one run.
  struct Run {
    int64_t size, stride;
  };
  std::vector<Run> runs;
  for (int d = shape.rank(); d-- > 0;) {
    if (shape[d] == 1) continue;
    const int64_t stride = strides[static_cast<size_t>(d)];
    if (!runs.empty() && stride == runs.back().stride * runs.back().size) runs.back().size *= shape[d];
    else runs.push_back({shape[d], stride});
  }
  std::vector<int64_t> result(static_cast<size_t>(to.rank()), 0);
  size_t run = 0;
  for (int d = to.rank(); d-- > 0;) {
    if (to[d] == 1) continue;
    if (runs[run].size == 1) ++run;
    if (runs[run].size % to[d] != 0) return std::nullopt;
    result[static_cast<size_t>(d)] = runs[run].stride;
    runs[run].size /= to[d];
    runs[run].stride *= to[d];
  }
  return result;
}

std::optional<View> view_of(const Node& node, const View& operand, const Shape& operand_shape) {
  const std::string_view op = node.op->name;
  const Shape& shape = node.types[0].shape;
  View view{operand.root, operand.offset, std::vector<int64_t>(static_cast<size_t>(shape.rank()), 0)};
  if (op == "reshape") {
    auto strides = reshaped_strides(operand_shape, operand.strides, shape);
    if (!strides) return std::nullopt;
    view.strides = std::move(*strides);
  } else if (op == "transpose") {
    const auto& permutation = node.attrs.as<TransposeAttrs>().permutation;
    for (size_t d = 0; d < permutation.size(); ++d)
      view.strides[d] = operand.strides[static_cast<size_t>(permutation[d])];
  } else if (op == "broadcast_in_dim") {
    const auto& dims = node.attrs.as<BroadcastAttrs>().dims;
    for (size_t d = 0; d < dims.size(); ++d)
      if (operand_shape[static_cast<int>(d)] != 1) view.strides[static_cast<size_t>(dims[d])] = operand.strides[d];
  } else if (op == "slice") {
    const auto& a = node.attrs.as<SliceAttrs>();
    for (size_t d = 0; d < view.strides.size(); ++d) {
      const int64_t step = a.strides.empty() ? 1 : a.strides[d];
      view.strides[d] = operand.strides[d] * step;
      if (shape.size() != 0) view.offset += operand.strides[d] * a.start[d];
    }
  } else if (op == "reverse") {
    view.strides = operand.strides;
    for (const int axis : node.attrs.as<ReverseAttrs>().axes) {
      if (shape.size() != 0) view.offset += operand.strides[static_cast<size_t>(axis)] * (shape[axis] - 1);
      view.strides[static_cast<size_t>(axis)] *= -1;
    }
  } else {
    fail(ErrorKind::internal, {.where = "plan", .message = std::string(op) + " is no view"});
  }
  return view;
}

Views::Views(const Graph& graph) : of_node_(graph.nodes.size()) {
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind != NodeKind::op || !is_view_op(*node.op)) continue;
    auto view = view_of(node, at(graph, node.inputs[0]), graph.type(node.inputs[0]).shape);
    check(view.has_value(), "a reshape of a strided view reached the plan without a copy");
    const bool whole = view->offset == 0 && graph.type(view->root).size() == node.types[0].size() &&
                       is_contiguous(*view, node.types[0].shape);
    of_node_[i] = Entry{std::move(*view), whole};
  }
}

View Views::at(const Graph& graph, Value value) const {
  if (value.node < of_node_.size() && of_node_[value.node]) return of_node_[value.node]->view;
  return {value, 0, row_major(graph.type(value).shape)};
}

Value Views::root(Value value) const {
  return value.node < of_node_.size() && of_node_[value.node] ? of_node_[value.node]->view.root : value;
}

bool Views::is_whole(Value value) const {
  return value.node >= of_node_.size() || !of_node_[value.node] || of_node_[value.node]->whole;
}

}  // namespace nnx::plan
