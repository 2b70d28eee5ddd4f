// Ops that move or make elements without computing on them.
#pragma once

#include "graph/trace.h"

namespace nnx {

// ---- making
Array full(const Shape& shape, double value, DType dtype = DType::f32);
Array zeros(const Shape& shape, DType dtype = DType::f32);
Array ones(const Shape& shape, DType dtype = DType::f32);
Array zeros_like(const Array& x);
Array ones_like(const Array& x);
Array iota(const Shape& shape, int axis, DType dtype = DType::i32);    // the index along `axis`
Array arange(int64_t n, DType dtype = DType::i32);

// ---- moving
Array broadcast_to(const Array& x, const Shape& shape);                // NumPy's rule
// Dimension i of x becomes dimension dims[i] of the result, which must be equal or come from size 1.
Array broadcast_in_dim(const Array& x, const Shape& shape, const std::vector<int>& dims);
Array reshape(const Array& x, const Shape& shape);                     // one size may be -1 in reshape_to
Array reshape_to(const Array& x, std::vector<int64_t> sizes);
Array flatten(const Array& x, int start_axis = 0);
Array expand_dims(const Array& x, int axis);
Array squeeze(const Array& x, int axis);                               // of size 1
Array transpose(const Array& x, const std::vector<int>& permutation);
Array transpose(const Array& x);                                       // axes reversed
Array swapaxes(const Array& x, int a, int b);
Array moveaxis(const Array& x, int from, int to);
Array slice(const Array& x, const std::vector<int64_t>& start, const std::vector<int64_t>& limit,
            const std::vector<int64_t>& strides = {});
Array slice_axis(const Array& x, int axis, int64_t start, int64_t limit, int64_t stride = 1);
Array index_axis(const Array& x, int axis, int64_t index);             // the axis removed
// `low`/`high` elements of `value` (a scalar) before and after, `interior` between elements; low/high may be negative.
Array pad(const Array& x, const Array& value, const std::vector<int64_t>& low, const std::vector<int64_t>& high,
          const std::vector<int64_t>& interior = {});
Array concatenate(const Arrays& xs, int axis);
Array stack(const Arrays& xs, int axis = 0);
Arrays split(const Array& x, int sections, int axis);
Array reverse(const Array& x, const std::vector<int>& axes);

}  // namespace nnx
