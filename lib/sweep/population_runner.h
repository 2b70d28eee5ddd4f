// Runs the trials of a sweep with `population: true`, in this process: those that differ only in numbers as one compiled
// step (train/population.h), populations of different structure one after the other.
//
//   run_populations(sweep, {.stop = stop_signal});
//
// Trials that have finished, or that another worker holds, are left out; one that was stopped goes on from its checkpoint,
// together with those that stand at the same step. A trial is tried once a call.
#pragma once

#include "sweep/runner.h"

namespace nnx {

SweepOutcome run_populations(const SweepDirectory& sweep, const RunnerOptions& options);

}  // namespace nnx
