// One trial, run in this process: an ordinary training run of its frozen config, which early termination may stop.
//
//   run_trial(sweep, 7, {.stop = [](int64_t) { return stop_signal(); }});
#pragma once

#include "sweep/sweep_directory.h"
#include "train/trainer.h"

namespace nnx {

// Goes on where the trial was left; does nothing for one that has finished. Gives how it stands then. Throws what the run
// throws; busy when another process is at it. `options.resume` is set here.
TrialResult run_trial(const SweepDirectory& sweep, int64_t number, TrainOptions options);

}  // namespace nnx
