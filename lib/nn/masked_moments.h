// Mean and biased variance of the elements that a mask keeps, for the normalisation layers.
#pragma once

#include "ops/ops.h"

namespace nnx {

struct MaskedMoments {
  Array mean, var;   // with the reduced axes as size 1 when `keepdims`; NaN where nothing is kept
};

// `mask`: bool, broadcastable to x. var = max(0, E x^2 - (E x)^2), as without a mask.
MaskedMoments masked_moments(const Array& x, const Array& mask, const Axes& axes, bool keepdims);

}  // namespace nnx
