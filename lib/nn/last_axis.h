// What layers over the last axis ask of their input.
#pragma once

#include "nnx/module.h"

namespace nnx {

// Throws ErrorKind::shape, in the name of the layer, unless the last axis of x has this size.
inline void expect_last_axis(const ModuleBase& layer, const Array& x, int64_t size) {
  if (x.rank() > 0 && x.dim(-1) == size) return;
  fail(ErrorKind::shape, {.where = layer.type().name, .expected = "an input with last axis " + std::to_string(size), .got = x.type().to_string()});
}

}  // namespace nnx
