#include "ops/linalg.h"

#include "ops/checks.h"
#include "ops/contract.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/loop.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace nnx {
namespace {

std::vector<Type> infer_qr(std::span<const Type> in, const Attrs&) {
  expect_inputs("qr", in, 1);
  expect_floating("qr", in);
  const Shape& shape = in[0].shape;
  if (shape.rank() < 2 || shape.at(-2) < shape.at(-1)) fail_types("qr", "matrices [..., m, n] with m >= n", in);
  return {in[0], {in[0].dtype, shape.with(shape.rank() - 2, shape.back())}};
}

// 1 where `keep(row, column)`, of matrices of a's type.
Array mask(const Array& a, bool diagonal, bool below) {
  const Array row = iota(a.shape(), -2), column = iota(a.shape(), -1);
  const Array on = diagonal && below ? greater_equal(row, column) : diagonal ? equal(row, column) : greater(row, column);
  return cast(on, a.dtype());
}

// X with X R^T = B, for an upper triangular R [..., n, n] and B [..., m, n]: its columns one after the other, from the last.
Array solve_transposed(const Array& r, const Array& b) {
  const int64_t n = r.dim(-1);
  const Array eye = cast(equal(iota({n, n}, 0), iota({n, n}, 1)), r.dtype());
  const Array b_columns = moveaxis(b, -1, 0), r_rows = moveaxis(r, -2, 0);   // [n, ..., m] and [n, ..., n]
  const Array none = zeros_like(swapaxes(b, -1, -2));                          // X^T [..., n, m]
  const auto slice_type = [](const Array& a) { return Type{a.dtype(), a.shape().without(0)}; };
  const Traced column = trace({none.type(), slice_type(r_rows), slice_type(b_columns), slice_type(eye)},
                              [](std::span<const Array> in) {
                                const Array &x = in[0], &row = in[1], &unit = in[3];
                                const Array known = sum(x * expand_dims(row, -1), {-2});
                                const Array pivot = sum(row * unit, {-1}, true);
                                const Array found = (in[2] - known) / pivot;
                                return Arrays{x + expand_dims(unit, -1) * expand_dims(found, -2)};
                              });
  const ScanResult solved = scan(std::make_shared<const Graph>(column.graph), {}, Arrays{none},
                                 Arrays{r_rows, b_columns, eye}, n, true);
  return swapaxes(solved.carries[0], -1, -2);
}

// dx = (dQ + Q (L + L^T - diag L)) R^-T with L the lower triangle of R dR^T - dQ^T Q.
// Formula: M. Seeger et al., Auto-Differentiating Linear Algebra, 2017.
Arrays vjp_qr(const VjpArgs& args) {
  const Array &q = args.out[0], &r = args.out[1];
  const Array dq = args.ct[0].defined() ? args.ct[0] : zeros_like(q);
  const Array dr = args.ct[1].defined() ? args.ct[1] : zeros_like(r);
  const Array m = matmul(r, swapaxes(dr, -1, -2)) - matmul(swapaxes(dq, -1, -2), q);
  const Array strictly_lower = m * mask(m, false, true);
  const Array symmetric = strictly_lower + swapaxes(strictly_lower, -1, -2) + m * mask(m, true, false);
  return {solve_transposed(r, dq + matmul(q, symmetric))};
}

constexpr OpDef qr_op{
    .name = "qr",
    .family = Family::contraction,
    .infer = infer_qr,
    .vjp = vjp_qr,
    .batch = [](const BatchArgs& args) { return emit(args.op, args.attrs, args.in); },   // one more leading dimension
};

}  // namespace

std::span<const OpDef* const> linalg_ops() {
  static constexpr const OpDef* ops[] = {&qr_op};
  return ops;
}

QR qr(const Array& x) {
  const Arrays out = emit(qr_op, {}, {&x, 1});
  return {out[0], out[1]};
}

}  // namespace nnx
