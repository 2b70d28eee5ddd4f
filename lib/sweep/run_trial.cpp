#include "sweep/run_trial.h"

#include "sweep/judge.h"

namespace nnx {

TrialResult run_trial(const SweepDirectory& sweep, int64_t number, TrainOptions options) {
  TrialResult before = sweep.result(number);
  if (before.finished()) return before;
  Rungs rungs(sweep, {number});
  Judge judge(sweep.spec(), rungs, number, options.observer);
  options.observer = &judge;
  options.resume = "auto";
  options.stop = judge.stop(std::move(options.stop));
  run_training({.files = {sweep.config_of(number).string()}}, options);
  return sweep.result(number);
}

}  // namespace nnx
