// What the files of the neural family share: their lists of ops.
#pragma once

#include <span>

#include "graph/op.h"

namespace nnx {

std::span<const OpDef* const> activation_ops();      // activations.cpp
std::span<const OpDef* const> normalization_ops();   // normalize.cpp
std::span<const OpDef* const> loss_ops();            // losses.cpp

}  // namespace nnx
