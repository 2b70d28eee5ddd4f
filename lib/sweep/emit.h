// A planned sweep handed to an engine that spreads work over machines: text that runs each trial once.
#pragma once

#include <string>

#include "sweep/sweep_directory.h"

namespace nnx {

// "slurm": a batch script with an array of trials; "parallel": one GNU parallel command. Both may be run again: a trial that
// has finished ends at once. Throws ErrorKind::usage for another engine, and for method tpe, whose trials are not known yet.
std::string emit_sweep(const SweepDirectory& sweep, const std::string& engine, const std::string& program);

}  // namespace nnx
