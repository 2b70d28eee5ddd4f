// The training loop: from a config to a run directory, and on from where it stopped.
//
//   const Summary s = run_training({.files = {"configs/mlp.yaml"}}, {.resume = "auto"});
//   s.test->accuracy()
//
// - The same config gives the same bytes in checkpoints and metrics.jsonl, whether the run was stopped in between or
// not.
// - Nothing is printed: what there is to say goes to the observer (and to log.txt).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "train/progress.h"
#include "train/setup.h"

namespace nnx {

struct StepEvent {
  int64_t step = 0, total = 0;
  int64_t epoch = 0, epochs = 0;  // from 1; epochs is 0 when steps are the only limit
  int64_t rows = 0;               // of the batch
  double loss = 0;                // mean of the batch
};

struct TrainObserver {
  virtual ~TrainObserver() = default;
  virtual void message(const std::string& line) { (void)line; }
  virtual void warning(const std::string& line) { (void)line; }
  virtual void step(const StepEvent& event) { (void)event; }
  virtual void record(const MetricRecord& record, double samples_per_second) { (void)record, (void)samples_per_second; }
};

struct TrainOptions {
  // "auto": the newest whole checkpoint, or a fresh start; "last": the same, but there must be one; or the directory of
  // one of the run's checkpoints. Without: a fresh start, refused where there are checkpoints.
  std::optional<std::string> resume = {};
  std::vector<std::string> argv = {};  // for the manifest
  TrainObserver* observer = nullptr;
  // Checkpoints that no key asks for (at the end of an epoch, of a best validation) are put off until the last one is so many
  // seconds old; the end of the run and a stop are not. What is written in the end is the same, its best included.
  double checkpoint_pause = 0;
  // Asked after each step; an answer that is not empty (the name of a signal) ends the run, to be resumed.
  std::function<std::string(int64_t step)> stop = {};
};

struct Summary {
  std::string
      status;  // completed, early_stopped, interrupted; diverged and failed are left in the file by a run that throws
  std::string reason;  // train.epochs, train.max_steps, train.early_stop, the name of a signal, the text of an error
  int64_t steps = 0, epochs = 0;
  std::optional<Metrics> train = {}, validation = {}, test = {};
  std::optional<BestResult> best = {};
  std::string output_dir = {};
};
std::string to_json(const Summary& summary);

// Throws what prepare throws; cannot_create where a run is that resume was not asked for; numeric for a loss or
// gradient that is not finite, naming step and tensor, with the last checkpoint untouched; data, io and busy.
Summary run_training(const TrainSource& source, const TrainOptions& options = {});

}  // namespace nnx
