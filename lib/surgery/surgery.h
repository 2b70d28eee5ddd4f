// Surgery changes a model by a list of operations (operation.h), written in a config or an overlay, and says what it did.
//
//   surgery:
//     - replace: {type: Linear, not: head}
//       with: {type: LoRALinear, lora_rank: 4}
//     - freeze: {not: LoRAParam}
//
//   SurgeryPlan plan = operate(model, config.surgery, rngs, diagnostics, read_state);    to_text(plan);
//
// - An item is one operation, its selector under its name and its other arguments beside it; or, as every component,
//   {type: replace, select: ..., with: ...}. They run in order, each on what the one before has left.
// - New layers come from the registry of layers, with keys of the given Rngs.
#pragma once

#include "surgery/operation.h"

namespace nnx {

// How elements of one kind came or went.
struct KindChange {
  std::string kind;
  int64_t elements = 0;
};

struct SurgeryStep {
  OperationReport report;
  std::vector<KindChange> changes = {};
  int64_t frozen = 0;   // elements more, or fewer
};

struct SurgeryPlan {
  std::vector<SurgeryStep> steps = {};
  int64_t parameters = 0, trainable = 0;      // elements of kind Param
  std::string probe = {};                     // what the difference was taken on: "64 rows"; "" when it was not
  std::optional<double> difference = {};      // largest of any output; none when their shapes are not the same
  std::string outputs_before = {}, outputs_after = {};   // their types
  std::string base = {};                      // the run that the model came from: "runs/base@1200", or ""
};

// Throws ConfigError, with the place in the config, for what does not fit the model.
SurgeryPlan operate(Ref<Layer>& model, const std::vector<ConfigNode>& list, Rngs& rngs, Diagnostics& diagnostics,
                    const StateReader& read_state = {});
// Reads the options of all operations without a model: reports what is wrong with them.
void check_surgery(const std::vector<ConfigNode>& list, Diagnostics& diagnostics);

std::string to_text(const SurgeryPlan& plan);   // one line an operation, then the summary
std::string to_json(const SurgeryPlan& plan);

}  // namespace nnx
