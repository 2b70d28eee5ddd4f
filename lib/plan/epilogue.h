// Which nodes after a matrix product run inside it: bias, activation, residual.
#pragma once

#include "kernels/matmul.h"
#include "plan/passes.h"

namespace nnx::plan {

// The elementwise nodes that the product of node `dot` absorbs, in order; empty when none do. Only values that nobody
// else reads are absorbed. `generated` as of generated_nodes(): such operands are in no storage.
std::vector<uint32_t> epilogue_chain(const Bound& bound, const std::vector<bool>& generated, uint32_t dot);

// What such a chain means: sets bias, activation and residual of `spec` and gives the operands.
struct Epilogue {
  std::optional<Value> bias, residual;
  kernels::Activation activation = kernels::Activation::none;
};
Epilogue epilogue_of(const Bound& bound, uint32_t dot, const std::vector<uint32_t>& chain);

}  // namespace nnx::plan
