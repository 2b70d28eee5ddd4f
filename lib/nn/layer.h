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

// The layers that a config can name: the explicit list of builtin.cpp, and what the program has added to it.
const Layers& layers();

// For programs with layers of their own: called in main, before a config is read.
//   extend_layers().add<GateOptions>("Gate", "x times a learned gate", make_gate);
Layers& extend_layers();

}  // namespace nnx
