// Reductions, cumulative sums and sorting along axes. Negative axes count from the end; no axes means all of them.
//
//   sum(x, {0})          // f32[5,3] -> f32[3]
//   mean(x, {-1}, true)  // f32[5,3] -> f32[5,1]
#pragma once

#include "graph/trace.h"

namespace nnx {

using Axes = std::vector<int>;

Array sum(const Array& x, const Axes& axes = {}, bool keepdims = false);     // f32, f64, i32, u32; f32 sums are pairwise or blocked
Array prod(const Array& x, const Axes& axes = {}, bool keepdims = false);
Array max(const Array& x, const Axes& axes = {}, bool keepdims = false);     // the gradient is shared equally among ties
Array min(const Array& x, const Axes& axes = {}, bool keepdims = false);
Array mean(const Array& x, const Axes& axes = {}, bool keepdims = false);    // floats
Array any(const Array& x, const Axes& axes = {}, bool keepdims = false);     // bool
Array all(const Array& x, const Axes& axes = {}, bool keepdims = false);     // bool
Array argmax(const Array& x, int axis, bool keepdims = false);               // i32; the first of ties
Array argmin(const Array& x, int axis, bool keepdims = false);
Array logsumexp(const Array& x, const Axes& axes = {}, bool keepdims = false);   // max-subtracted
Array cumsum(const Array& x, int axis, bool reverse = false);
// Stable ascending sort of keys[0] along `axis`, the other arrays permuted alike. Gradients flow through all of them.
Arrays sort(const Arrays& keys, int axis);
Array sort(const Array& x, int axis = -1);
Array argsort(const Array& x, int axis = -1);                                // i32, stable

}  // namespace nnx
