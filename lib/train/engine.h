// An Engine computes the steps and evaluations of one run, or of several that go in lockstep: the same step of each at
// the same time. What becomes of the results is train/run.h's; who drives both is train/trainer.h.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/batch_reader.h"
#include "train/metrics.h"

namespace nnx {

enum class HeldOut { validation, test };

// One step of one run.
struct StepOutcome {
  BatchResult result = {};
  std::string not_finite = {};   // what was, as an error says it: then the run's state no longer counts
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual void go_to(Cursor at) = 0;   // the batch there comes next
  virtual Cursor cursor() const = 0;   // of the next batch
  // From now on the run takes part, with the state that its Setup holds.
  virtual void join(size_t run) = 0;
  // One step of every run that takes part, by number of the run. Valid until the next call.
  virtual std::span<const StepOutcome> step() = 0;
  // Of every run that takes part, by number of the run, on rows that its config has.
  virtual std::vector<Metrics> evaluate(HeldOut rows) = 0;
  // Puts the state of one run into the model and the optimizer of its Setup.
  virtual void publish(size_t run) = 0;
  // From now on only these runs are looked at or join, ascending: what the others would cost is saved.
  virtual void keep(const std::vector<size_t>& runs) = 0;
};

}  // namespace nnx
