// The loop of training, of one run or of several whose steps are computed together.
#pragma once

#include "train/run.h"

namespace nnx {

// Takes the runs that have begun to their ends; null stands for one that the engine has and nobody trains. Runs that stand
// further on wait until the others have come there. One that fails, or ends before the others, leaves them alone; an error of
// the engine is the end of all.
void train_in_lockstep(std::span<TrainingRun* const> runs, Engine& engine);

}  // namespace nnx
