// The study of a sweep: its finished trials as a journal that Optuna's JournalStorage reads (optuna, optuna-dashboard).
//
//   record_study(sweep);      // study.journal has every finished trial once, whoever ran it and whoever was killed
//
// A trial is one line, added when it has finished: {"op_code": 4, "state": 1, "value": .., "params": .., ..}; its number
// stands in user_attrs as `nnx:trial`. Lines are added under a lock that the kernel holds; a line cut off by a kill is
// taken away. Only nnx writes to it while the sweep runs. Format: Optuna 3.1, storages/_journal.
#pragma once

#include "sweep/sweep_directory.h"

namespace nnx {

// Brings <sweep>/study.journal up to date with all trials, or with these; gives how many it added.
int record_study(const SweepDirectory& sweep);
int record_study(const SweepDirectory& sweep, const std::vector<int64_t>& numbers);

// Optuna's JSON text of what a parameter may be: a FloatDistribution, IntDistribution or CategoricalDistribution.
std::string distribution_json(const ParameterSpec& parameter);

}  // namespace nnx
