#include "ops/linalg.h"

#include <doctest/doctest.h>

#include "ops/cases.h"
#include "ops/helpers.h"
#include "ops/ops.h"
#include "reference/reference.h"

namespace nnx::test {

TEST_CASE("qr: the product is the matrix, the columns are orthonormal, R is upper triangular") {
  reference::install_evaluator();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape : {Shape{4, 4}, Shape{9, 5}, Shape{2, 3, 6, 4}}) {
      const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
      const Array x = make_array({{dtype, shape}}, 3);
      const auto [q, r] = qr(x);
      CHECK(difference(matmul(q, r), x, tolerance) == "");
      const Array eye = cast(equal(iota(r.shape(), -2), iota(r.shape(), -1)), dtype);
      CHECK(difference(matmul(swapaxes(q, -1, -2), q), eye, tolerance) == "");
      const Array below = cast(greater(iota(r.shape(), -2), iota(r.shape(), -1)), dtype);
      CHECK(difference(r * below, zeros_like(r), 0) == "");
    }
}

TEST_CASE("qr has the signs of LAPACK") {
  reference::install_evaluator();
  // numpy.linalg.qr of the same matrix: reflections leave -sign(alpha) |x| on the diagonal.
  const auto [q, r] = qr(array<double>({3, 1, 4, 2}, {2, 2}));
  CHECK(difference(r, array<double>({-5, -2.2, 0, 0.4}, {2, 2}), 1e-14) == "");
  CHECK(difference(q, array<double>({-0.6, -0.8, -0.8, 0.6}, {2, 2}), 1e-14) == "");
  // A column with nothing to annihilate keeps its sign.
  CHECK(qr(array<double>({2, 0}, {2, 1})).r.item<double>() == 2);
}

TEST_CASE("qr of what is no tall matrix is refused") {
  reference::install_evaluator();
  CHECK(error_of([] { qr(zeros({2, 3})); }) == "qr: expected matrices [..., m, n] with m >= n, got f32[2,3]");
  CHECK(error_of([] { qr(zeros({3})); }) == "qr: expected matrices [..., m, n] with m >= n, got f32[3]");
  CHECK(error_of([] { qr(zeros({3, 3}, DType::i32)); }) == "qr: expected f32 or f64, the same for all, got i32[3,3]");
}

}  // namespace nnx::test
