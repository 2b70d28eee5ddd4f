// What the family files of this room share: the lists of their ops, and the rules whole families have in common.
#pragma once

#include <span>

#include "graph/op.h"

namespace nnx {

std::span<const OpDef* const> elementwise_ops();
std::span<const OpDef* const> reduce_ops();
std::span<const OpDef* const> shape_ops();
std::span<const OpDef* const> contraction_ops();
std::span<const OpDef* const> linalg_ops();
std::span<const OpDef* const> index_ops();
std::span<const OpDef* const> random_ops();
std::span<const OpDef* const> neural_ops();
std::span<const OpDef* const> loop_ops();

// The record of that name; it must exist. For public functions: `static const OpDef& op = op_named("tanh")`.
const OpDef& op_named(std::string_view name);

// NumPy's broadcast of two shapes (trailing dimensions aligned, sizes equal or 1); false when they do not fit. `result`
// may be one of the two.
bool broadcast_shapes(const Shape& a, const Shape& b, Shape& result);

// The rule of ops whose inputs all have one shape (elementwise): unbatched inputs are broadcast along the batch.
Arrays batch_as_elementwise(const BatchArgs& args);

// x with the batch as axis 0: itself when batched, broadcast otherwise.
Array batched_input(const BatchArgs& args, size_t i);

}  // namespace nnx
