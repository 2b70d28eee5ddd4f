// Which nodes after a matrix product run inside it: bias, activation, residual.
#pragma once

#include <map>

#include "kernels/matmul.h"
#include "plan/passes.h"

namespace nnx::plan {

// Of each stored value that one input of one node reads, and that leaves the plan nowhere: that node.
std::map<Value, uint32_t> only_readers(const Bound& bound);

// The elementwise nodes that the product of node `dot` absorbs, in order; empty when none do. Only values that nobody
// else reads are absorbed: `readers` as of only_readers(). `generated` as of generated_nodes(): such operands are in no
// storage.
std::vector<uint32_t> epilogue_chain(const Bound& bound, const std::vector<bool>& generated,
                                     const std::map<Value, uint32_t>& readers, uint32_t dot);

// What such a chain means: sets bias, activation and residual of `spec` and gives the operands.
struct Epilogue {
  std::optional<Value> bias, residual;
  kernels::Activation activation = kernels::Activation::none;
};
Epilogue epilogue_of(const Bound& bound, uint32_t dot, const std::vector<uint32_t>& chain);

}  // namespace nnx::plan
