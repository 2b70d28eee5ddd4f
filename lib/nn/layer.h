// What the files of this room share: the registry of layers, and options that hold initializers.
//
// A layer is a Module with a constructor from its options struct and Rngs, and one line in builtin.cpp. Keys are drawn
// from rngs.params() in the order Flax draws them: kernel, then bias, also by initializers that ignore their key.
#pragma once

#include "config/registry.h"
#include "nn/initializers.h"
#include "nnx/nnx.h"

namespace nnx {

// A layer is called with an Array and gives one; what else it takes is in its own operator().
using Layers = Registry<Ref<Layer>(Rngs&)>;

// The explicit list of built-in layers: builtin.cpp.
const Layers& layers();

}  // namespace nnx
