#include "ops/contract.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/attrs.h"
#include "ops/families.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/shape.h"
#include "ops/signature.h"

namespace nnx {
namespace {

bool contains(const std::vector<int>& axes, int axis) { return std::ranges::find(axes, axis) != axes.end(); }

// The dimensions of an operand that stay: neither contracted nor batch, ascending.
std::vector<int> free_axes(int rank, const std::vector<int>& contract, const std::vector<int>& batch) {
  std::vector<int> axes;
  for (int i = 0; i < rank; ++i)
    if (!contains(contract, i) && !contains(batch, i)) axes.push_back(i);
  return axes;
}

// Each axis exists and is named once, in `contract` or in `batch`.
bool axes_fit(const Type& type, const std::vector<int>& contract, const std::vector<int>& batch) {
  std::vector<int> all = contract;
  all.insert(all.end(), batch.begin(), batch.end());
  std::ranges::sort(all);
  return std::ranges::adjacent_find(all) == all.end() &&
         (all.empty() || (all.front() >= 0 && all.back() < type.shape.rank()));
}

bool sizes_match(const Shape& lhs, const std::vector<int>& lhs_axes, const Shape& rhs,
                 const std::vector<int>& rhs_axes) {
  return std::ranges::equal(lhs_axes, rhs_axes, [&](int l, int r) { return lhs[l] == rhs[r]; });
}

std::vector<Type> infer_dot(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<DotAttrs>();
  expect_inputs("dot_general", in, 2);
  const bool narrow = in[0].dtype == DType::bf16 && in[1].dtype == DType::bf16;
  if (!narrow && (!dtypes::floats.contains(in[0].dtype) || in[0].dtype != in[1].dtype))
    fail_types("dot_general", "f32, f64 or bf16, the same for both", in);
  const Shape &lhs = in[0].shape, &rhs = in[1].shape;
  if (!axes_fit(in[0], a.lhs_contract, a.lhs_batch) || !axes_fit(in[1], a.rhs_contract, a.rhs_batch) ||
      !sizes_match(lhs, a.lhs_contract, rhs, a.rhs_contract) || !sizes_match(lhs, a.lhs_batch, rhs, a.rhs_batch))
    fail_types("dot_general",
               fmt::format("equal sizes in contracted dimensions [{}] and [{}] and batch dimensions [{}] and [{}]",
                           fmt::join(a.lhs_contract, ","), fmt::join(a.rhs_contract, ","), fmt::join(a.lhs_batch, ","),
                           fmt::join(a.rhs_batch, ",")),
               in);
  std::vector<int64_t> dims;
  for (const int i : a.lhs_batch) dims.push_back(lhs[i]);
  for (const int i : free_axes(lhs.rank(), a.lhs_contract, a.lhs_batch)) dims.push_back(lhs[i]);
  for (const int i : free_axes(rhs.rank(), a.rhs_contract, a.rhs_batch)) dims.push_back(rhs[i]);
  return {{narrow ? DType::f32 : in[0].dtype, Shape(dims)}};
}

// dot_general(x, y, dims), where `labels_x` and `labels_y` say which dimension of the wanted result each free dimension
// is, and `batch_labels` the same of the batch dimensions. Of the two operand orders it takes one that needs no
// transpose.
Array dot_into(const Array& x, const Array& y, const DotDims& dims, const std::vector<int>& batch_labels,
               const std::vector<int>& labels_x, const std::vector<int>& labels_y) {
  auto joined = [&](const std::vector<int>& first, const std::vector<int>& second) {
    std::vector<int> order = batch_labels;
    order.insert(order.end(), first.begin(), first.end());
    order.insert(order.end(), second.begin(), second.end());
    return order;
  };
  const std::vector<int> swapped = joined(labels_y, labels_x);
  if (is_identity(swapped))
    return dot_general(y, x, {dims.rhs_contract, dims.lhs_contract, dims.rhs_batch, dims.lhs_batch});
  return transpose(dot_general(x, y, dims), inverse_permutation(joined(labels_x, labels_y)));
}

// The dimensions of one operand by their part in the contraction; its free ones begin at dimension `first` of the
// result.
struct Side {
  std::vector<int> contract, batch, free;
  int first = 0;
};

// The cotangent of one operand: ct contracted with the other operand over the other's free dimensions. It has the type of
// the operands: where they are bf16, so is what it is contracted from.
Array operand_cotangent(const Array& ct, const Side& mine, const Array& other, const Side& others) {
  const DotDims dims{.lhs_contract = shifted(first_axes(static_cast<int>(others.free.size())), others.first),
                     .rhs_contract = others.free,
                     .lhs_batch = first_axes(static_cast<int>(mine.batch.size())),
                     .rhs_batch = others.batch};
  // What stays of `other` are its contracted dimensions in its own order; each is a contracted dimension of mine.
  std::vector<int> contracted;
  for (const int axis : free_axes(other.rank(), others.free, others.batch)) {
    const auto pair = std::ranges::find(others.contract, axis) - others.contract.begin();
    contracted.push_back(mine.contract[static_cast<size_t>(pair)]);
  }
  const DType dtype = other.dtype();
  return cast(dot_into(cast(ct, dtype), other, dims, mine.batch, mine.free, contracted), dtype);
}

Arrays vjp_dot(const VjpArgs& args) {
  const auto& a = args.attrs.as<DotAttrs>();
  const Array &lhs = args.in[0], &rhs = args.in[1], &ct = args.ct[0];
  Side left{a.lhs_contract, a.lhs_batch, free_axes(lhs.rank(), a.lhs_contract, a.lhs_batch)};
  Side right{a.rhs_contract, a.rhs_batch, free_axes(rhs.rank(), a.rhs_contract, a.rhs_batch)};
  left.first = static_cast<int>(left.batch.size());
  right.first = left.first + static_cast<int>(left.free.size());
  const Array dlhs = operand_cotangent(ct, left, rhs, right);
  const Array drhs = operand_cotangent(ct, right, lhs, left);
  return {dlhs, drhs};
}

Arrays batch_dot(const BatchArgs& args) {
  const auto& a = args.attrs.as<DotAttrs>();
  DotDims dims{a.lhs_contract, a.rhs_contract, a.lhs_batch, a.rhs_batch};
  const int batch_rank = static_cast<int>(a.lhs_batch.size());
  if (args.batched[0] && !args.batched[1]) {
    // The batch is the first free dimension of lhs: already in front unless there are batch dimensions.
    dims.lhs_contract = shifted(dims.lhs_contract, 1);
    dims.lhs_batch = shifted(dims.lhs_batch, 1);
    return {moveaxis(dot_general(args.in[0], args.in[1], dims), batch_rank, 0)};
  }
  const bool lhs_has_free = args.in[0].rank() > std::ssize(a.lhs_contract) + batch_rank;
  if (!args.batched[0] && !lhs_has_free) {
    dims.rhs_contract = shifted(dims.rhs_contract, 1);
    dims.rhs_batch = shifted(dims.rhs_batch, 1);
    return {moveaxis(dot_general(args.in[0], args.in[1], dims), batch_rank, 0)};
  }
  // A batched rhs behind free dimensions of lhs would leave the batch in the middle, and every rhs would have to be
  // transposed: a broadcast lhs, which costs a kernel nothing, and a batch dimension are cheaper.
  dims.lhs_contract = shifted(dims.lhs_contract, 1);
  dims.rhs_contract = shifted(dims.rhs_contract, 1);
  dims.lhs_batch = prepended(shifted(dims.lhs_batch, 1), 0);
  dims.rhs_batch = prepended(shifted(dims.rhs_batch, 1), 0);
  return {dot_general(batched_input(args, 0), batched_input(args, 1), dims)};
}

constexpr OpDef dot_general_op{
    .name = "dot_general", .family = Family::contraction, .infer = infer_dot, .vjp = vjp_dot, .batch = batch_dot};

std::vector<int> normalized(const std::vector<int>& axes, int rank) {
  std::vector<int> out;
  for (const int a : axes) out.push_back(normalize_axis(a, rank, "dot_general"));
  return out;
}

}  // namespace

std::span<const OpDef* const> contraction_ops() {
  static constexpr const OpDef* ops[] = {&dot_general_op};
  return ops;
}

Array dot_general(const Array& lhs, const Array& rhs, const DotDims& dims) {
  return emit1(dot_general_op,
               DotAttrs{normalized(dims.lhs_contract, lhs.rank()), normalized(dims.rhs_contract, rhs.rank()),
                        normalized(dims.lhs_batch, lhs.rank()), normalized(dims.rhs_batch, rhs.rank())},
               {lhs, rhs});
}

Array matmul(const Array& a, const Array& b) {
  const Type types[] = {a.type(), b.type()};
  if (a.rank() == 0 || b.rank() == 0) fail_types("matmul", "arrays of at least one dimension", types);
  const int b_axis = b.rank() == 1 ? 0 : b.rank() - 2;
  if (a.dim(-1) != b.dim(b_axis))
    fail_types("matmul", fmt::format("the last dimension of the first to equal dimension {} of the second", b_axis),
               types);
  if (b.rank() <= 2) return dot_general(a, b, {{a.rank() - 1}, {b_axis}});
  if (a.rank() == 1) return squeeze(matmul(expand_dims(a, 0), b), -2);
  // Leading dimensions broadcast and become batch dimensions.
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> leading;
  for (int i = 0; i < rank - 2; ++i) {
    const int ia = i - (rank - a.rank()), ib = i - (rank - b.rank());
    const int64_t sa = ia < 0 ? 1 : a.dim(ia), sb = ib < 0 ? 1 : b.dim(ib);
    if (sa != sb && sa != 1 && sb != 1) fail_types("matmul", "leading dimensions that broadcast", types);
    leading.push_back(sa == 1 ? sb : sa);
  }
  auto broadcast = [&](const Array& x) {
    std::vector<int64_t> sizes = leading;
    sizes.insert(sizes.end(), x.shape().end() - 2, x.shape().end());
    return broadcast_to(x, Shape(sizes));
  };
  const std::vector<int> batch = first_axes(rank - 2);
  return dot_general(broadcast(a), broadcast(b), {{rank - 1}, {rank - 2}, batch, batch});
}

}  // namespace nnx
