#include "ops/index.h"

#include <fmt/format.h>

#include "base/error.h"
#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/shape.h"

namespace nnx {
namespace {

Array gather(const Array& x, const Array& indices, const GatherAttrs& attrs);
Array scatter(const Array& x, const Array& indices, const Array& updates, const GatherAttrs& attrs);

// The type of gather(x, indices), which is also the type of the updates of a scatter_add.
Type gathered_type(std::string_view op, std::span<const Type> in, const GatherAttrs& a) {
  const Shape &x = in[0].shape, &indices = in[1].shape;
  if (!is_integer(in[1].dtype)) fail_types(op, "i32 or u32 indices", in);
  expect_axis(op, a.axis, in);
  bool ok = a.batch_dims >= 0 && a.batch_dims <= a.axis && a.batch_dims <= indices.rank();
  for (int i = 0; ok && i < a.batch_dims; ++i) ok = x[i] == indices[i];
  if (!ok) fail_types(op, fmt::format("{} common leading dimensions before dimension {}", a.batch_dims, a.axis), in);
  std::vector<int64_t> dims(x.begin(), x.begin() + a.axis);
  dims.insert(dims.end(), indices.begin() + a.batch_dims, indices.end());
  dims.insert(dims.end(), x.begin() + a.axis + 1, x.end());
  return {in[0].dtype, Shape(dims)};
}

std::vector<Type> infer_gather(std::span<const Type> in, const Attrs& attrs) {
  expect_inputs("gather", in, 2);
  const auto& a = attrs.as<GatherAttrs>();
  const Type type = gathered_type("gather", in, a);
  if (in[0].shape[a.axis] == 0 && type.size() > 0) fail_types("gather", "something to read from", in);
  return {type};
}

std::vector<Type> infer_scatter(std::span<const Type> in, const Attrs& attrs) {
  expect_inputs("scatter_add", in, 3);
  if (in[0].dtype == DType::boolean) fail_types("scatter_add", "a numeric dtype", in);
  const Type updates = gathered_type("scatter_add", in, attrs.as<GatherAttrs>());
  if (in[2] != updates) fail_types("scatter_add", "updates of type " + updates.to_string(), in);
  return {in[0]};
}

// Indices that a scatter_add does not drop, at the places where a gather along `n` elements reads.
Array clamped(const Array& indices, int64_t n) {
  const Array last = full({}, static_cast<double>(n - 1), indices.dtype());
  if (indices.dtype() == DType::u32) return minimum(indices, last);
  return clip(indices, full({}, static_cast<double>(-n), indices.dtype()), last);
}

// Which indices a scatter_add along `n` elements does not drop.
Array in_range(const Array& indices, int64_t n) {
  const Array below = less(indices, static_cast<double>(n));
  if (indices.dtype() == DType::u32) return below;
  return bitwise_and(below, greater_equal(indices, static_cast<double>(-n)));
}

Arrays vjp_gather(const VjpArgs& args) {
  const auto& a = args.attrs.as<GatherAttrs>();
  const Array& x = args.in[0];
  return {scatter(zeros_like(x), clamped(args.in[1], x.dim(a.axis)), args.ct[0], a), {}};
}

Arrays vjp_scatter(const VjpArgs& args) {
  const auto& a = args.attrs.as<GatherAttrs>();
  const Array &ct = args.ct[0], &indices = args.in[1], &updates = args.in[2];
  // Dimensions of the indices within the updates: B first, I at the axis.
  std::vector<int> dims = first_axes(a.batch_dims);
  for (int i = a.batch_dims; i < indices.rank(); ++i) dims.push_back(a.axis + i - a.batch_dims);
  const Array kept = broadcast_in_dim(in_range(indices, ct.dim(a.axis)), updates.shape(), dims);
  const Array dupdates = ct.dim(a.axis) == 0 ? zeros_like(updates)
                                             : select(kept, gather(ct, indices, a), zeros({}, ct.dtype()));
  return {ct, {}, dupdates};
}

Arrays batch_gather(const BatchArgs& args) {
  const auto& a = args.attrs.as<GatherAttrs>();
  if (!args.batched[0]) {
    // The batch becomes the first dimension of I, so it comes out at the axis.
    const Array out = gather(args.in[0], moveaxis(args.in[1], 0, a.batch_dims), a);
    return {moveaxis(out, a.axis, 0)};
  }
  // Without other batch dimensions the batch is one more dimension before the axis, and the indices stay shared.
  if (!args.batched[1] && a.batch_dims == 0) return {gather(args.in[0], args.in[1], {.axis = a.axis + 1})};
  return {gather(args.in[0], batched_input(args, 1), {.axis = a.axis + 1, .batch_dims = a.batch_dims + 1})};
}

Arrays batch_scatter(const BatchArgs& args) {
  const auto& a = args.attrs.as<GatherAttrs>();
  const Array x = batched_input(args, 0);
  const Array updates = batched_input(args, 2);
  if (!args.batched[1] && a.batch_dims == 0) return {scatter(x, args.in[1], updates, {.axis = a.axis + 1})};
  return {scatter(x, batched_input(args, 1), updates, {.axis = a.axis + 1, .batch_dims = a.batch_dims + 1})};
}

constexpr OpDef gather_op{
    .name = "gather", .family = Family::index, .infer = infer_gather, .vjp = vjp_gather, .batch = batch_gather};
constexpr OpDef scatter_add_op{
    .name = "scatter_add", .family = Family::index, .infer = infer_scatter, .vjp = vjp_scatter, .batch = batch_scatter};

Array gather(const Array& x, const Array& indices, const GatherAttrs& attrs) {
  return emit1(gather_op, attrs, {x, indices});
}
Array scatter(const Array& x, const Array& indices, const Array& updates, const GatherAttrs& attrs) {
  return emit1(scatter_add_op, attrs, {x, indices, updates});
}

}  // namespace

std::span<const OpDef* const> index_ops() {
  static constexpr const OpDef* ops[] = {&gather_op, &scatter_add_op};
  return ops;
}

Array take(const Array& x, const Array& indices, int axis) {
  return gather(x, indices, {.axis = normalize_axis(axis, x.rank(), "take")});
}

Array take_along_axis(const Array& x, const Array& indices, int axis) {
  const int a = normalize_axis(axis, x.rank(), "take_along_axis");
  if (indices.rank() != x.rank() || indices.shape().with(a, 0) != x.shape().with(a, 0)) {
    const Type types[] = {x.type(), indices.type()};
    fail_types("take_along_axis", fmt::format("indices that differ in dimension {} only", a), types);
  }
  // Every other dimension is a batch dimension, so the indexed one goes last.
  const int last = x.rank() - 1;
  return moveaxis(gather(moveaxis(x, a, last), moveaxis(indices, a, last), {.axis = last, .batch_dims = last}), last,
                  a);
}

Array scatter_add(const Array& x, const Array& indices, const Array& updates, int axis) {
  return scatter(x, indices, updates, {.axis = normalize_axis(axis, x.rank(), "scatter_add")});
}

Array one_hot(const Array& indices, int64_t n, DType dtype) {
  if (!is_integer(indices.dtype())) fail_types("one_hot", "i32 or u32 indices", {&indices.type(), 1});
  const Shape shape = indices.shape().inserted(indices.rank(), n);
  return cast(equal(expand_dims(indices, -1), iota(shape, -1, indices.dtype())), dtype);
}

}  // namespace nnx
