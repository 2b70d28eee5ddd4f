// Runs the trials of a sweep, each as a process of its own: a trial that crashes takes nothing else with it.
//
//   run_sweep(sweep, {.program = "/usr/bin/nnx-train", .stop = stop_signal});
//
// A trial that another worker holds is left to it and waited for, one that has finished is not run again, one that was
// stopped goes on from its checkpoint. A trial is tried once a call.
#pragma once

#include <functional>
#include <string>

#include "sweep/sweep_directory.h"

namespace nnx {

struct RunnerOptions {
  std::string program = {};                  // nnx-train: run as `program sweep run-one DIR --index K`
  std::vector<std::string> argv = {};        // of this process, for the manifests of trials that it runs itself
  int jobs = 0;                              // at a time; 0: as planned
  std::function<std::string()> stop = {};    // asked all the time; a signal's name ends the trials and the sweep
  std::function<void(const std::string& line)> message = {};
};

struct SweepOutcome {
  std::string status;     // completed, interrupted, stopped (on_failure: stop), incomplete: some could not be run to their end
  int64_t finished = 0, failed = 0, total = 0;   // of all trials
};

// How the sweep stands; `status` is why it was left, or "" when nothing is left to do.
SweepOutcome outcome_of(const SweepDirectory& sweep, const std::string& status);

// Throws what planning a trial of method tpe throws, and io for a process that cannot be started.
SweepOutcome run_sweep(SweepDirectory& sweep, const RunnerOptions& options);

}  // namespace nnx
