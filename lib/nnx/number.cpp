#include "nnx/number.h"

namespace nnx {

Array Number::array() const { return traced_.defined() ? traced_ : scalar(static_cast<float>(value_)); }

}  // namespace nnx
