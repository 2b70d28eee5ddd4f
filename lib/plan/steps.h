// From groups to steps: which kernel runs each group, on what, and what it costs.
#pragma once

#include "kernels/kernel.h"
#include "plan/bodies.h"
#include "plan/passes.h"

namespace nnx::plan {

// What a kernel's argument points at: a stored value, from some byte on.
struct Argument {
  Value root;
  int64_t byte_offset = 0;
};

struct Step {
  kernels::KernelPtr kernel;
  std::vector<Argument> arguments;  // inputs, then outputs; scratch is added when the plan is placed
  StepReport report;
};

Step make_step(const Bound& bound, const Group& group, Bodies& bodies);

}  // namespace nnx::plan
