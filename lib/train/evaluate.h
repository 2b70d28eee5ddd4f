// Evaluation of a model on a whole dataset, and of a finished run on one of its splits.
//
//   const Metrics m = Evaluation(model, objective, validation, 64)();
//   const EvalReport report = evaluate_run({.run = "runs/mlp", .split = "test"});
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "train/metrics.h"
#include "train/setup.h"

namespace nnx {

// Evaluation mode for as long as it lives; training mode afterwards.
class EvalMode {
 public:
  explicit EvalMode(Ref<Layer> model);
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  Ref<Layer> model_;
};

// Every row of `data` once, in order, in the precision of the run's training. Made once, because it keeps compiled code and reads ahead.
class Evaluation {
 public:
  Evaluation(Ref<Layer> model, Ref<Objective> objective, const Dataset& data, int64_t batch_size,
             const Feed& feed = {}, Precision precision = Precision::f32);
  Metrics operator()();

 private:
  Ref<Layer> model_;
  Ref<Objective> objective_;
  EvalStep step_;
  Loader loader_;
};

struct EvalRequest {
  std::filesystem::path run;
  std::string split = "test";               // train, validation, test
  std::vector<std::string> arguments = {};  // overrides of the run's config
};

struct EvalReport {
  int64_t step = 0;
  std::string split;
  int64_t rows = 0;
  Metrics metrics;
  std::vector<std::string> notes = {};  // checkpoints that were passed over, and why
};

// Loads the newest whole checkpoint of the run, without touching its directory. Throws what prepare throws, missing
// when there is no checkpoint, and config for a split that the config does not have.
EvalReport evaluate_run(const EvalRequest& request);
std::string to_json(const EvalReport& report);
std::string to_text(const EvalReport& report);

// Puts the values of a checkpoint into a model and an optimizer (or none). Throws ErrorKind::data naming `where` when
// it is a checkpoint of another model: something is missing, left over, or of another type; or an adapter of another
// base than the one with this hash.
void restore(const Checkpoint& checkpoint, const Ref<Layer>& model, const Ref<Optimizer>& optimizer,
             const std::string& where, const std::string& base_hash = "");

// The largest absolute difference of the outputs of two models, which have the same floating types.
double largest_difference(const Arrays& a, const Arrays& b);

}  // namespace nnx
