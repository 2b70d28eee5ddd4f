#include "ops/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/index.h"
#include "ops/shape.h"
#include "ops/signature.h"

namespace nnx {
namespace {

constexpr Family reduce = Family::reduce;

// ---- types

[[noreturn]] void fail_empty(std::string_view op, int axis, const Type& type) {
  fail_types(op, fmt::format("at least one element along axis {}", axis), {&type, 1});
}

Shape without_axes(const Shape& shape, const std::vector<int>& axes) {
  Shape rest = shape;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) rest = rest.without(*axis);
  return rest;
}

// What an empty extent reduces to: the neutral element, where there is one.
enum class Empty { neutral, error };

template <OpName name, DTypeSet allowed, Empty empty>
std::vector<Type> infer_reduce(std::span<const Type> in, const Attrs& attrs) {
  expect_same_types(name.view(), allowed, 1, in);
  const std::vector<int>& axes = attrs.as<ReduceAttrs>().axes;
  for (size_t i = 0; i < axes.size(); ++i) {
    expect_axis(name.view(), axes[i], in);
    check(i == 0 || axes[i - 1] < axes[i], "the axes of a reduction are ascending");
    if (empty == Empty::error && in[0].shape[axes[i]] == 0) fail_empty(name.view(), axes[i], in[0]);
  }
  return {{in[0].dtype, without_axes(in[0].shape, axes)}};
}

template <OpName name>
std::vector<Type> infer_arg(std::span<const Type> in, const Attrs& attrs) {
  expect_same_types(name.view(), dtypes::numbers, 1, in);
  const int axis = attrs.as<AxisAttrs>().axis;
  expect_axis(name.view(), axis, in);
  if (in[0].shape[axis] == 0) fail_empty(name.view(), axis, in[0]);
  return {{DType::i32, in[0].shape.without(axis)}};
}

// ---- batching: every axis moves up by one

Arrays batch_axes(const BatchArgs& args) {
  return emit(args.op, ReduceAttrs{shifted(args.attrs.as<ReduceAttrs>().axes, 1)}, args.in);
}

Arrays batch_axis(const BatchArgs& args) {
  Arrays inputs;
  for (size_t i = 0; i < args.in.size(); ++i) inputs.push_back(batched_input(args, i));
  return emit(args.op, AxisAttrs{args.attrs.as<AxisAttrs>().axis + 1}, inputs);
}

// ---- gradients

std::vector<int> axes_left(int rank, const std::vector<int>& axes) {
  std::vector<int> left;
  for (int i = 0; i < rank; ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) left.push_back(i);
  return left;
}

// The inverse of dropping `axes`: `x` repeated along them up to `shape`.
Array repeat_along(const Array& x, const Shape& shape, const std::vector<int>& axes) {
  return broadcast_in_dim(x, shape, axes_left(shape.rank(), axes));
}

// Of max and min: shared equally among the elements that equal the result.
Arrays share_among_ties(const VjpArgs& v) {
  const std::vector<int>& axes = v.attrs.as<ReduceAttrs>().axes;
  const Shape& shape = v.in[0].shape();
  const Array tie = equal(v.in[0], repeat_along(v.out[0], shape, axes));
  // the op itself, because sum() takes an empty list for all axes
  const Array count = emit1(op_named("reduce_sum"), v.attrs, {cast(tie, v.ct[0].dtype())});
  return {select(tie, repeat_along(v.ct[0] / count, shape, axes), zeros_like(v.in[0]))};
}

// Products along the last axis of x [m, n] pulled back from ct [m]: the product of all *other* elements times ct,
// without a division, so that zeros and gradients of gradients are right. A tree of pairwise products up, cotangents
// down.
Array pull_back_product(const Array& x, const Array& ct) {
  const int64_t m = x.dim(0), n = x.dim(1);
  if (n == 1) return reshape(ct, x.shape());
  if (n % 2 == 1) {   // the last element stands beside the product of the others
    const Array others = slice_axis(x, 1, 0, n - 1), last = slice_axis(x, 1, n - 1, n);
    const Array ct_others = pull_back_product(others, ct * reshape(last, {m}));
    return concatenate({ct_others, reshape(ct, {m, 1}) * prod(others, {1}, true)}, 1);
  }
  const Array even = slice_axis(x, 1, 0, n, 2), odd = slice_axis(x, 1, 1, n, 2);
  const Array ct_pairs = pull_back_product(even * odd, ct);
  return reshape(stack({ct_pairs * odd, ct_pairs * even}, 2), {m, n});
}

Arrays prod_vjp(const VjpArgs& v) {
  const Array &x = v.in[0], &ct = v.ct[0];
  const std::vector<int>& axes = v.attrs.as<ReduceAttrs>().axes;
  if (x.size() == 0) return {zeros_like(x)};
  std::vector<int> permutation = axes_left(x.rank(), axes);   // the reduced axes last
  permutation.insert(permutation.end(), axes.begin(), axes.end());
  const int64_t rows = ct.size();
  const Array moved = transpose(x, permutation);
  const Array pulled = pull_back_product(reshape(moved, {rows, x.size() / rows}), reshape(ct, {rows}));
  return {transpose(reshape(pulled, moved.shape()), inverse_permutation(permutation))};
}

// Cotangents move back to where the stable sort took each element from.
Arrays sort_vjp(const VjpArgs& v) {
  const int axis = v.attrs.as<AxisAttrs>().axis;
  const Array inverse = argsort(argsort(v.in[0], axis), axis);
  Arrays cotangents(v.in.size());
  for (size_t i = 0; i < v.in.size(); ++i)
    if (v.ct[i].defined()) cotangents[i] = take_along_axis(v.ct[i], inverse, axis);
  return cotangents;
}

// ---- the ops

constexpr OpDef sum_op{.name = "reduce_sum", .family = reduce,
                       .infer = infer_reduce<"sum", dtypes::numbers, Empty::neutral>,
                       .vjp = [](const VjpArgs& v) {
                         return Arrays{repeat_along(v.ct[0], v.in[0].shape(), v.attrs.as<ReduceAttrs>().axes)};
                       },
                       .batch = batch_axes};
constexpr OpDef prod_op{.name = "reduce_prod", .family = reduce,
                        .infer = infer_reduce<"prod", dtypes::numbers, Empty::neutral>,
                        .vjp = prod_vjp, .batch = batch_axes};
constexpr OpDef max_op{.name = "reduce_max", .family = reduce,
                       .infer = infer_reduce<"max", dtypes::numbers, Empty::error>,
                       .vjp = share_among_ties, .batch = batch_axes};
constexpr OpDef min_op{.name = "reduce_min", .family = reduce,
                       .infer = infer_reduce<"min", dtypes::numbers, Empty::error>,
                       .vjp = share_among_ties, .batch = batch_axes};
constexpr OpDef and_op{.name = "reduce_and", .family = reduce,
                       .infer = infer_reduce<"all", dtypes::booleans, Empty::neutral>,
                       .batch = batch_axes, .differentiable = false};
constexpr OpDef or_op{.name = "reduce_or", .family = reduce,
                      .infer = infer_reduce<"any", dtypes::booleans, Empty::neutral>,
                      .batch = batch_axes, .differentiable = false};

constexpr OpDef argmax_op{.name = "argmax", .family = reduce, .infer = infer_arg<"argmax">,
                          .batch = batch_axis, .differentiable = false};
constexpr OpDef argmin_op{.name = "argmin", .family = reduce, .infer = infer_arg<"argmin">,
                          .batch = batch_axis, .differentiable = false};

constexpr OpDef cumsum_op{.name = "cumsum", .family = reduce,
                          .infer = [](std::span<const Type> in, const Attrs& attrs) {
                            expect_same_types("cumsum", dtypes::numbers, 1, in);
                            expect_axis("cumsum", attrs.as<CumsumAttrs>().axis, in);
                            return std::vector<Type>{in[0]};
                          },
                          .vjp = [](const VjpArgs& v) {
                            const auto& [axis, reverse] = v.attrs.as<CumsumAttrs>();
                            return Arrays{cumsum(v.ct[0], axis, !reverse)};
                          },
                          .batch = [](const BatchArgs& args) {
                            const auto& [axis, reverse] = args.attrs.as<CumsumAttrs>();
                            return emit(args.op, CumsumAttrs{axis + 1, reverse}, args.in);
                          }};

constexpr OpDef sort_op{.name = "sort", .family = reduce,
                        .infer = [](std::span<const Type> in, const Attrs& attrs) {
                          if (in.empty() || std::any_of(in.begin(), in.end(), [&](const Type& type) {
                                return type.shape != in[0].shape;
                              }))
                            fail_types("sort", "arrays of one shape", in);
                          expect_dtype("sort", dtypes::numbers, in[0]);
                          expect_axis("sort", attrs.as<AxisAttrs>().axis, in);
                          return std::vector<Type>(in.begin(), in.end());
                        },
                        .vjp = sort_vjp,
                        .batch = batch_axis};

// ---- public functions

// Distinct, ascending, non-negative; all axes when none are given.
std::vector<int> normalize_axes(const Axes& axes, const Array& x, const char* op) {
  std::vector<int> out;
  for (const int axis : axes) out.push_back(normalize_axis(axis, x.rank(), op));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end())
    fail(ErrorKind::shape,
         {.where = op, .expected = "distinct axes", .got = fmt::format("[{}]", fmt::join(axes, ","))});
  return axes.empty() ? first_axes(x.rank()) : out;
}

Shape with_ones(const Shape& shape, const std::vector<int>& axes) {
  Shape kept = shape;
  for (const int axis : axes) kept = kept.with(axis, 1);
  return kept;
}

Array emit_reduce(const OpDef& op, const char* name, const Array& x, const Axes& axes, bool keepdims) {
  const ReduceAttrs attrs{normalize_axes(axes, x, name)};
  const Array reduced = emit1(op, attrs, {x});
  return keepdims ? reshape(reduced, with_ones(x.shape(), attrs.axes)) : reduced;
}

Array emit_arg(const OpDef& op, const char* name, const Array& x, int axis, bool keepdims) {
  const AxisAttrs attrs{normalize_axis(axis, x.rank(), name)};
  const Array reduced = emit1(op, attrs, {x});
  return keepdims ? reshape(reduced, with_ones(x.shape(), {attrs.axis})) : reduced;
}

}  // namespace

std::span<const OpDef* const> reduce_ops() {
  static constexpr std::array ops{&sum_op, &prod_op,   &max_op,    &min_op,    &and_op,
                                  &or_op,  &argmax_op, &argmin_op, &cumsum_op, &sort_op};
  return ops;
}

Array sum(const Array& x, const Axes& axes, bool keepdims) { return emit_reduce(sum_op, "sum", x, axes, keepdims); }
Array prod(const Array& x, const Axes& axes, bool keepdims) { return emit_reduce(prod_op, "prod", x, axes, keepdims); }
Array max(const Array& x, const Axes& axes, bool keepdims) { return emit_reduce(max_op, "max", x, axes, keepdims); }
Array min(const Array& x, const Axes& axes, bool keepdims) { return emit_reduce(min_op, "min", x, axes, keepdims); }
Array any(const Array& x, const Axes& axes, bool keepdims) { return emit_reduce(or_op, "any", x, axes, keepdims); }
Array all(const Array& x, const Axes& axes, bool keepdims) { return emit_reduce(and_op, "all", x, axes, keepdims); }
Array argmax(const Array& x, int axis, bool keepdims) { return emit_arg(argmax_op, "argmax", x, axis, keepdims); }
Array argmin(const Array& x, int axis, bool keepdims) { return emit_arg(argmin_op, "argmin", x, axis, keepdims); }

Array mean(const Array& x, const Axes& axes, bool keepdims) {
  expect_dtype("mean", dtypes::floats, x.type());
  int64_t count = 1;
  for (const int axis : normalize_axes(axes, x, "mean")) count *= x.shape()[axis];
  return sum(x, axes, keepdims) / static_cast<double>(count);
}

// log(sum(exp(x - m))) + m with m = max(x); where all of a slice is -inf the result is -inf and its gradient zero.
Array logsumexp(const Array& x, const Axes& axes, bool keepdims) {
  expect_dtype("logsumexp", dtypes::floats, x.type());
  const std::vector<int> normal = normalize_axes(axes, x, "logsumexp");
  const Array largest = max(x, normal, true);
  const Array shift = stop_gradient(select(is_finite(largest), largest, zeros_like(largest)));
  const Array total = sum(exp(x - shift), normal, true);
  const Array nothing = equal(total, 0);
  const Array minus_infinity = full(total.shape(), -std::numeric_limits<double>::infinity(), total.dtype());
  const Array result = select(nothing, minus_infinity, log(select(nothing, ones_like(total), total)) + shift);
  return keepdims ? result : reshape(result, without_axes(x.shape(), normal));
}

Array cumsum(const Array& x, int axis, bool reverse) {
  return emit1(cumsum_op, CumsumAttrs{normalize_axis(axis, x.rank(), "cumsum"), reverse}, {x});
}

Arrays sort(const Arrays& keys, int axis) {
  if (keys.empty()) fail(ErrorKind::shape, {.where = "sort", .expected = "at least one array", .got = "none"});
  return emit(sort_op, AxisAttrs{normalize_axis(axis, keys[0].rank(), "sort")}, keys);
}

Array sort(const Array& x, int axis) { return sort(Arrays{x}, axis)[0]; }

Array argsort(const Array& x, int axis) {
  const int normal = normalize_axis(axis, x.rank(), "argsort");
  return sort({x, iota(x.shape(), normal)}, normal)[1];
}

}  // namespace nnx
