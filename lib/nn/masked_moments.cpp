#include "nn/masked_moments.h"

#include "base/error.h"

namespace nnx {

MaskedMoments masked_moments(const Array& x, const Array& mask, const Axes& axes, bool keepdims) {
  if (mask.dtype() != DType::boolean)
    fail(ErrorKind::shape, {.where = "mask", .expected = "bool", .got = mask.type().to_string()});
  const Array kept = broadcast_to(mask, x.shape());
  const Array zero = zeros_like(x);
  // Chosen rather than multiplied: what is masked may be NaN.
  const Array values = select(kept, x, zero);
  const Array count = sum(cast(kept, x.dtype()), axes, keepdims);
  const Array mean = sum(values, axes, keepdims) / count;
  const Array mean_of_square = sum(square(values), axes, keepdims) / count;
  return {mean, maximum(mean_of_square - square(mean), 0.0)};
}

}  // namespace nnx
