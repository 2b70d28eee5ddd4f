// Turns a group of loop nodes into the FusedLoop that computes it.
#pragma once

#include "kernels/fused_loop.h"
#include "plan/passes.h"

namespace nnx::plan {

struct LoopProgram {
  kernels::FusedLoop loop;
  std::vector<View> inputs;    // where each input register is loaded from
  std::vector<Value> outputs;  // what each store is
};
LoopProgram loop_program(const Bound& bound, const Group& group);

// The same loop over fewer dimensions: those of size 1 dropped, neighbours merged where every operand allows, and the
// dimension that most operands walk with stride 1 made the innermost.
kernels::FusedLoop simplify_dims(kernels::FusedLoop loop);

// The kernel of a program; of an empty iteration space too, where reductions give their identity.
kernels::KernelPtr make_loop_kernel(const LoopProgram& program, int threads);

}  // namespace nnx::plan
