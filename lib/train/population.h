// A population is runs that differ only in numbers (learning rate, weight decay, dropout rate, seed, initial scale), trained
// as one: their steps are one compiled step over all (population_engine.h). What each leaves behind is what it would leave
// behind alone, with the numbers of its losses equal up to rounding.
//
//   std::vector<Setup> setups = ...;                                    // one a run
//   for (const Population& p : populations_of(setups)) train_population(p.members, options);
#pragma once

#include <exception>
#include <optional>
#include <span>

#include "train/trainer.h"

namespace nnx {

struct Population {
  std::vector<size_t> members;   // by number, ascending
  std::string differs = {};      // from the first population: a config key, or an attribute with what it is in both
};

// Runs that can be trained as one population, together: the same data, loss and loop, and objects of one structure.
std::vector<Population> populations_of(std::span<Setup* const> setups);

struct RunOutcome {
  Summary summary = {};
  std::exception_ptr error = {};   // of a run that failed; one that could not begin has no summary
};

// Trains runs that fit together, each with its own options; a run that is resumed goes on from its checkpoint, and waits for
// those that are behind it. A run that fails or diverges does so alone. One without options is not trained, but stacked with
// the others: so the last runs of a population that was killed are computed to the same bits as if it had not been. `threads`
// compute at once.
std::vector<RunOutcome> train_population(std::span<Setup* const> setups, std::span<const std::optional<TrainOptions>> options, int threads);

}  // namespace nnx
