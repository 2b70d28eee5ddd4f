// The object layer in one include; the name the guide uses.
#pragma once

#include "nnx/attributes.h"
#include "nnx/capture.h"
#include "nnx/control_flow.h"
#include "nnx/custom_vjp.h"
#include "nnx/eval_shape.h"
#include "nnx/filter.h"
#include "nnx/functional.h"
#include "nnx/lifted.h"
#include "nnx/module.h"
#include "nnx/number.h"
#include "nnx/pure_dict.h"
#include "nnx/random_state.h"
#include "nnx/remat.h"
#include "nnx/rngs.h"
#include "nnx/scan.h"
#include "nnx/split_rngs.h"
#include "nnx/state.h"
#include "nnx/traverse.h"
#include "nnx/variable.h"
#include "nnx/vmap.h"
#include "ops/ops.h"
#include "plan/plan.h"

namespace nnx {
// Concrete Arrays are computed by plans in every program that includes this.
inline const bool plan_evaluator_installed = (install_plan_evaluator(), true);
}  // namespace nnx
