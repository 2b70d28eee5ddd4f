// What the elementwise files share: their lists of ops, broadcasting, and numbers as operands.
#pragma once

#include <span>

#include "graph/trace.h"

namespace nnx {

std::span<const OpDef* const> arithmetic_ops();   // elementwise_arithmetic.cpp
std::span<const OpDef* const> function_ops();     // elementwise_functions.cpp
std::span<const OpDef* const> logic_ops();        // elementwise_logic.cpp

// The Arrays broadcast to one shape; those from `first_typed` on must have one dtype. Throws ErrorKind::shape naming
// the op.
Arrays broadcast_together(const OpDef& op, const Arrays& inputs, size_t first_typed = 0);

// A binary op of Arrays that broadcast, and of an Array and a number.
Array emit_binary(const OpDef& op, const Array& a, const Array& b);
Array emit_binary(const OpDef& op, const Array& a, double b);
Array emit_binary(const OpDef& op, double a, const Array& b);

}  // namespace nnx
