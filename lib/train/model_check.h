// Finds, before a run computes anything, the layers of a model that do not fit each other, its data or its loss: wherever
// they stand in the config, by watching the calls of a copy of the model (nnx/probe.h).
//
//   check_model(model, objective, definitions, {.features = x_type, .targets = y_type, ...}, diagnostics);
//   -> mlp.yaml:14:12: model.layers.linear2: does not fit its input f32[64,128]: Linear: expected ..., got ...
#pragma once

#include "config/diagnostics.h"
#include "lang/definitions.h"
#include "train/feed.h"
#include "train/objective.h"

namespace nnx {

struct ModelCheck {
  Feed feed = {};
  Type features, targets;            // of one batch
  int64_t classes = 0;               // of integer labels; else 0
  ConfigNode model_node;             // where errors are reported
};

// Traces `model` (in evaluation mode, so that its state stays untouched) and `objective` on the types of one batch; what
// does not fit is reported to `diagnostics`.
void check_model(const Ref<Layer>& model, const Objective& objective, const Definitions& definitions, const ModelCheck& check,
                 Diagnostics& diagnostics);

}  // namespace nnx
