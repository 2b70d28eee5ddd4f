// TrainProgress is where a run stands beside its State: what a checkpoint must hold so that the run goes on as if it
// had never stopped.
#pragma once

#include <optional>
#include <string>

#include "data/loader.h"
#include "train/metrics.h"

namespace nnx {

struct BestResult {
  int64_t step = 0;
  double value = 0;
};

struct TrainProgress {
  int64_t step = 0;                   // steps done
  Cursor cursor = {};                 // of the next batch
  MetricSums since_record = {};       // examples since the last training record
  MetricSums this_epoch = {};         // examples of the running epoch
  std::optional<Metrics> train = {};  // of the last whole epoch
  std::optional<Metrics> validation = {};
  std::optional<BestResult> best = {};
  int64_t without_improvement = 0;  // validations since the best one
  bool stopped_early = false;
  float learning_rate = 0;    // of the last step
  int64_t metrics_bytes = 0;  // length of metrics.jsonl
};

std::string to_json(const TrainProgress& progress);  // numbers read back to the very same
// Throws ErrorKind::data naming `where` for a text that is not what to_json wrote.
TrainProgress parse_progress(const std::string& text, const std::string& where);

}  // namespace nnx
