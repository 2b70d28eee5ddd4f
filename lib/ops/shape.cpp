// The primitives that make or move elements, and the public functions that emit exactly one of them.
#include "ops/shape.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "ops/attrs.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/checks.h"
#include "ops/reduce.h"

namespace nnx {
namespace {

// Elements of one dimension of n after slicing, and after `interior` elements were put between each two.
int64_t sliced_size(int64_t start, int64_t limit, int64_t stride) {
  return limit > start ? (limit - start - 1) / stride + 1 : 0;
}
int64_t dilated_size(int64_t n, int64_t interior) { return n == 0 ? 0 : (n - 1) * (interior + 1) + 1; }

constexpr OpDef fill_op{
    .name = "fill",
    .family = Family::shape,
    .infer = [](std::span<const Type>, const Attrs& attrs) { return std::vector{attrs.as<FillAttrs>().type}; },
    .differentiable = false,
};

constexpr OpDef iota_op{
    .name = "iota",
    .family = Family::shape,
    .infer = [](std::span<const Type>, const Attrs& attrs) {
      const auto& a = attrs.as<IotaAttrs>();
      expect_axis("iota", a.axis, {&a.type, 1});
      if (a.type.dtype == DType::boolean) fail_types("iota", "a numeric dtype", {&a.type, 1});
      return std::vector{a.type};
    },
    .differentiable = false,
};

// ---- broadcast_in_dim

std::vector<Type> infer_broadcast(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<BroadcastAttrs>();
  expect_inputs("broadcast_in_dim", in, 1);
  bool ok = std::ssize(a.dims) == in[0].shape.rank();
  for (size_t i = 0; ok && i < a.dims.size(); ++i) {
    const int64_t size = in[0].shape[static_cast<int>(i)];
    ok = a.dims[i] >= 0 && a.dims[i] < a.shape.rank() && (i == 0 || a.dims[i - 1] < a.dims[i]) &&
         (size == 1 || size == a.shape[a.dims[i]]);
  }
  if (!ok)
    fail_types("broadcast_in_dim",
               fmt::format("an array that fits dimensions [{}] of {}", fmt::join(a.dims, ","), a.shape.to_string()),
               in);
  return {{in[0].dtype, a.shape}};
}

// Sums over what was added, then over what was stretched from size 1.
Arrays vjp_broadcast(const VjpArgs& args) {
  const auto& a = args.attrs.as<BroadcastAttrs>();
  const Shape& from = args.in[0].shape();
  Axes summed;
  for (int d = 0; d < a.shape.rank(); ++d) {
    const auto it = std::ranges::find(a.dims, d);
    if (it == a.dims.end() || from[static_cast<int>(it - a.dims.begin())] != a.shape[d]) summed.push_back(d);
  }
  return {reshape(summed.empty() ? args.ct[0] : sum(args.ct[0], summed), from)};
}

constexpr OpDef broadcast_in_dim_op{
    .name = "broadcast_in_dim",
    .family = Family::shape,
    .infer = infer_broadcast,
    .vjp = vjp_broadcast,
    .batch = [](const BatchArgs& args) {
      const auto& a = args.attrs.as<BroadcastAttrs>();
      return Arrays{broadcast_in_dim(args.in[0], a.shape.prepended({args.size}), prepended(shifted(a.dims, 1), 0))};
    },
};

// ---- reshape and transpose

constexpr OpDef reshape_op{
    .name = "reshape",
    .family = Family::shape,
    .infer = [](std::span<const Type> in, const Attrs& attrs) {
      const Shape& shape = attrs.as<ReshapeAttrs>().shape;
      expect_inputs("reshape", in, 1);
      if (in[0].size() != shape.size())
        fail_types("reshape", fmt::format("{} elements, for {}", shape.size(), shape.to_string()), in);
      return std::vector<Type>{{in[0].dtype, shape}};
    },
    .vjp = [](const VjpArgs& args) { return Arrays{reshape(args.ct[0], args.in[0].shape())}; },
    .batch = [](const BatchArgs& args) {
      return Arrays{reshape(args.in[0], args.attrs.as<ReshapeAttrs>().shape.prepended({args.size}))};
    },
};

std::vector<Type> infer_transpose(std::span<const Type> in, const Attrs& attrs) {
  const auto& permutation = attrs.as<TransposeAttrs>().permutation;
  expect_inputs("transpose", in, 1);
  std::vector<int> sorted = permutation;
  std::ranges::sort(sorted);
  if (sorted != first_axes(in[0].shape.rank()))
    fail_types("transpose", fmt::format("an array whose dimensions [{}] permutes", fmt::join(permutation, ",")), in);
  std::vector<int64_t> dims;
  for (const int p : permutation) dims.push_back(in[0].shape[p]);
  return {{in[0].dtype, Shape(dims)}};
}

constexpr OpDef transpose_op{
    .name = "transpose",
    .family = Family::shape,
    .infer = infer_transpose,
    .vjp = [](const VjpArgs& args) {
      return Arrays{transpose(args.ct[0], inverse_permutation(args.attrs.as<TransposeAttrs>().permutation))};
    },
    .batch = [](const BatchArgs& args) {
      return Arrays{transpose(args.in[0], prepended(shifted(args.attrs.as<TransposeAttrs>().permutation, 1), 0))};
    },
};

// ---- slice and pad: each the other's transpose

std::vector<Type> infer_slice(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<SliceAttrs>();
  expect_inputs("slice", in, 1);
  const auto rank = static_cast<size_t>(in[0].shape.rank());
  bool ok = a.start.size() == rank && a.limit.size() == rank && a.strides.size() == rank;
  std::vector<int64_t> dims;
  for (size_t i = 0; ok && i < rank; ++i) {
    ok = 0 <= a.start[i] && a.start[i] <= a.limit[i] && a.limit[i] <= in[0].shape[static_cast<int>(i)] &&
         a.strides[i] >= 1;
    if (ok) dims.push_back(sliced_size(a.start[i], a.limit[i], a.strides[i]));
  }
  if (!ok)
    fail_types("slice", fmt::format("an array that holds [{}] to [{}] by [{}]", fmt::join(a.start, ","),
                                    fmt::join(a.limit, ","), fmt::join(a.strides, ",")), in);
  return {{in[0].dtype, Shape(dims)}};
}

Arrays vjp_slice(const VjpArgs& args) {
  const auto& a = args.attrs.as<SliceAttrs>();
  const Array& ct = args.ct[0];
  std::vector<int64_t> high, interior;
  for (size_t i = 0; i < a.start.size(); ++i) {
    const int axis = static_cast<int>(i);
    interior.push_back(a.strides[i] - 1);
    high.push_back(args.in[0].dim(axis) - a.start[i] - dilated_size(ct.dim(axis), interior[i]));
  }
  return {pad(ct, zeros({}, ct.dtype()), a.start, high, interior)};
}

constexpr OpDef slice_op{
    .name = "slice",
    .family = Family::shape,
    .infer = infer_slice,
    .vjp = vjp_slice,
    .batch = [](const BatchArgs& args) {
      const auto& a = args.attrs.as<SliceAttrs>();
      return Arrays{slice(args.in[0], prepended<int64_t>(a.start, 0), prepended(a.limit, args.size),
                          prepended<int64_t>(a.strides, 1))};
    },
};

std::vector<Type> infer_pad(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<PadAttrs>();
  expect_inputs("pad", in, 2);
  if (in[1].dtype != in[0].dtype || in[1].shape.rank() != 0)
    fail_types("pad", "a scalar of the array's dtype as value", in);
  const auto rank = static_cast<size_t>(in[0].shape.rank());
  bool ok = a.low.size() == rank && a.high.size() == rank && a.interior.size() == rank;
  std::vector<int64_t> dims;
  for (size_t i = 0; ok && i < rank; ++i) {
    dims.push_back(a.low[i] + a.high[i] + dilated_size(in[0].shape[static_cast<int>(i)], a.interior[i]));
    ok = a.interior[i] >= 0 && dims[i] >= 0;
  }
  if (!ok)
    fail_types("pad", fmt::format("an array that low [{}], high [{}], interior [{}] fit", fmt::join(a.low, ","),
                                  fmt::join(a.high, ","), fmt::join(a.interior, ",")), in);
  return {{in[0].dtype, Shape(dims)}};
}

// True where the result of a pad holds padding.
Array padding_mask(const Shape& shape, const PadAttrs& a) {
  return pad(zeros(shape, DType::boolean), ones({}, DType::boolean), a.low, a.high, a.interior);
}

Arrays vjp_pad(const VjpArgs& args) {
  const auto& a = args.attrs.as<PadAttrs>();
  const Array& ct = args.ct[0];
  const Array zero = zeros({}, ct.dtype());
  // Undo low and high (what they cropped has no cotangent), then read every (interior + 1)-th element.
  std::vector<int64_t> low, high, strides;
  for (size_t i = 0; i < a.low.size(); ++i) {
    low.push_back(-a.low[i]);
    high.push_back(-a.high[i]);
    strides.push_back(a.interior[i] + 1);
  }
  const Array undone = pad(ct, zero, low, high);
  const std::vector<int64_t> limit(undone.shape().begin(), undone.shape().end());
  const Array dx = slice(undone, std::vector<int64_t>(limit.size(), 0), limit, strides);
  return {dx, sum(select(padding_mask(args.in[0].shape(), a), ct, zero))};
}

Arrays batch_pad(const BatchArgs& args) {
  const auto& a = args.attrs.as<PadAttrs>();
  const Array x = batched_input(args, 0);
  auto padded_with = [&](const Array& value) {
    return pad(x, value, prepended<int64_t>(a.low, 0), prepended<int64_t>(a.high, 0),
               prepended<int64_t>(a.interior, 0));
  };
  if (!args.batched[1]) return {padded_with(args.in[1])};
  // A value for each example cannot be one op: pad with anything, then choose.
  const Array padded = padded_with(zeros({}, x.dtype()));
  const Array mask = broadcast_to(padding_mask(x.shape().without(0), a), padded.shape());
  return {select(mask, broadcast_in_dim(args.in[1], padded.shape(), {0}), padded)};
}

constexpr OpDef pad_op{.name = "pad", .family = Family::shape, .infer = infer_pad, .vjp = vjp_pad, .batch = batch_pad};

// ---- concatenate and reverse

std::vector<Type> infer_concatenate(std::span<const Type> in, const Attrs& attrs) {
  const int axis = attrs.as<AxisAttrs>().axis;
  if (in.empty()) fail_types("concatenate", "at least one array", in);
  expect_axis("concatenate", axis, in);
  int64_t size = 0;
  for (const Type& t : in) {
    if (t.dtype != in[0].dtype || t.shape.rank() != in[0].shape.rank() ||
        t.shape.with(axis, 0) != in[0].shape.with(axis, 0))
      fail_types("concatenate", fmt::format("arrays that differ in dimension {} only", axis), in);
    size += t.shape[axis];
  }
  return {{in[0].dtype, in[0].shape.with(axis, size)}};
}

constexpr OpDef concatenate_op{
    .name = "concatenate",
    .family = Family::shape,
    .infer = infer_concatenate,
    .vjp = [](const VjpArgs& args) {
      const int axis = args.attrs.as<AxisAttrs>().axis;
      Arrays cotangents;
      int64_t start = 0;
      for (const Array& x : args.in) {
        cotangents.push_back(slice_axis(args.ct[0], axis, start, start + x.dim(axis)));
        start += x.dim(axis);
      }
      return cotangents;
    },
    .batch = [](const BatchArgs& args) {
      Arrays xs;
      for (size_t i = 0; i < args.in.size(); ++i) xs.push_back(batched_input(args, i));
      return Arrays{concatenate(xs, args.attrs.as<AxisAttrs>().axis + 1)};
    },
};

constexpr OpDef reverse_op{
    .name = "reverse",
    .family = Family::shape,
    .infer = [](std::span<const Type> in, const Attrs& attrs) {
      expect_inputs("reverse", in, 1);
      for (const int axis : attrs.as<ReverseAttrs>().axes) expect_axis("reverse", axis, in);
      return std::vector{in[0]};
    },
    .vjp = [](const VjpArgs& args) { return Arrays{reverse(args.ct[0], args.attrs.as<ReverseAttrs>().axes)}; },
    .batch = [](const BatchArgs& args) {
      return Arrays{reverse(args.in[0], shifted(args.attrs.as<ReverseAttrs>().axes, 1))};
    },
};

}  // namespace

std::span<const OpDef* const> shape_ops() {
  static constexpr const OpDef* ops[] = {&fill_op,  &iota_op, &broadcast_in_dim_op, &reshape_op, &transpose_op,
                                         &slice_op, &pad_op,  &concatenate_op,      &reverse_op};
  return ops;
}

Array full(const Shape& shape, double value, DType dtype) {
  return emit1(fill_op, FillAttrs{{dtype, shape}, value}, {});
}

Array iota(const Shape& shape, int axis, DType dtype) {
  return emit1(iota_op, IotaAttrs{{dtype, shape}, normalize_axis(axis, shape.rank(), "iota")}, {});
}

Array broadcast_in_dim(const Array& x, const Shape& shape, const std::vector<int>& dims) {
  if (shape == x.shape() && is_identity(dims)) return x;
  return emit1(broadcast_in_dim_op, BroadcastAttrs{shape, dims}, {x});
}

Array reshape(const Array& x, const Shape& shape) {
  return shape == x.shape() ? x : emit1(reshape_op, ReshapeAttrs{shape}, {x});
}

Array transpose(const Array& x, const std::vector<int>& permutation) {
  std::vector<int> axes;
  for (const int p : permutation) axes.push_back(normalize_axis(p, x.rank(), "transpose"));
  if (std::ssize(axes) == x.rank() && is_identity(axes)) return x;
  return emit1(transpose_op, TransposeAttrs{axes}, {x});
}

Array slice(const Array& x, const std::vector<int64_t>& start, const std::vector<int64_t>& limit,
            const std::vector<int64_t>& strides) {
  SliceAttrs attrs{start, limit, strides.empty() ? std::vector<int64_t>(start.size(), 1) : strides};
  const bool whole = std::ranges::all_of(attrs.start, [](int64_t s) { return s == 0; }) &&
                     std::ranges::equal(attrs.limit, x.shape().dims()) &&
                     std::ranges::all_of(attrs.strides, [](int64_t s) { return s == 1; }) &&
                     std::ssize(attrs.start) == x.rank() && std::ssize(attrs.strides) == x.rank();
  return whole ? x : emit1(slice_op, std::move(attrs), {x});
}

Array pad(const Array& x, const Array& value, const std::vector<int64_t>& low, const std::vector<int64_t>& high,
          const std::vector<int64_t>& interior) {
  PadAttrs attrs{low, high, interior.empty() ? std::vector<int64_t>(low.size(), 0) : interior};
  const std::vector<int64_t> none(static_cast<size_t>(x.rank()), 0);
  if (attrs.low == none && attrs.high == none && attrs.interior == none) return x;
  return emit1(pad_op, std::move(attrs), {x, value});
}

Array concatenate(const Arrays& xs, int axis) {
  if (xs.empty()) fail(ErrorKind::shape, {.where = "concatenate", .expected = "at least one array", .got = "none"});
  const AxisAttrs attrs{normalize_axis(axis, xs[0].rank(), "concatenate")};
  return xs.size() == 1 ? xs[0] : emit(concatenate_op, attrs, xs).front();
}

Array reverse(const Array& x, const std::vector<int>& axes) {
  ReverseAttrs attrs;
  for (const int axis : axes) attrs.axes.push_back(normalize_axis(axis, x.rank(), "reverse"));
  std::ranges::sort(attrs.axes);
  if (std::ranges::adjacent_find(attrs.axes) != attrs.axes.end())
    fail(ErrorKind::shape,
         {.where = "reverse", .expected = "each axis once", .got = fmt::format("[{}]", fmt::join(axes, ","))});
  return axes.empty() ? x : emit1(reverse_op, std::move(attrs), {x});
}

}  // namespace nnx
