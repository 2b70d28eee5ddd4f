// Factorisations of matrices; leading dimensions are a batch.
#pragma once

#include "graph/trace.h"

namespace nnx {

// x [..., m, n] = Q R with m >= n: Q [..., m, n] has orthonormal columns, R [..., n, n] is upper triangular. The signs are
// those of LAPACK's Householder reflections (R's diagonal may be negative). f32 or f64.
struct QR {
  Array q, r;
};
QR qr(const Array& x);

}  // namespace nnx
