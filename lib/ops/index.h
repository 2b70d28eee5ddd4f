// Gathering and scattering by integer indices (i32 or u32) along one axis.
#pragma once

#include "graph/trace.h"

namespace nnx {

// x.shape[:axis] + indices.shape + x.shape[axis+1:]. Out-of-range indices clamp; negative ones count from the end.
Array take(const Array& x, const Array& indices, int axis);
// indices has x's rank and, but for `axis`, its shape.
Array take_along_axis(const Array& x, const Array& indices, int axis);
// x with updates added at the places take(x, indices, axis) would read; out-of-range updates are dropped.
Array scatter_add(const Array& x, const Array& indices, const Array& updates, int axis);
// Rows of zeros for out-of-range labels; shape indices.shape + [n].
Array one_hot(const Array& indices, int64_t n, DType dtype = DType::f32);

}  // namespace nnx
