// Every op there is, for conformance tests and printing.
#pragma once

#include <span>

#include "graph/op.h"

namespace nnx {

std::span<const OpDef* const> all_ops();
const OpDef* find_op(std::string_view name);   // null when there is none

}  // namespace nnx
