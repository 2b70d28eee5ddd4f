// Setup is everything that a config stands for, built and checked: data, model, loss, optimizer.
//
//   TrainSource source{.files = {"configs/mlp.yaml"}, .arguments = {"train.epochs=3"}};
//   Setup setup = prepare(source);            // throws ConfigError with all that is wrong, at its file:line:column
//   setup.model(x);
//
// The initial weights are those of Rngs(seed): what Flax gives for nnx.Rngs(seed).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "config/compose.h"
#include "data/data_cache.h"
#include "lang/definitions.h"
#include "optim/optim.h"
#include "surgery/surgery.h"
#include "train/feed.h"
#include "train/objective.h"
#include "train/train_config.h"

namespace nnx {

struct TrainSource {
  std::vector<std::string> files = {}, overlays = {};  // overlays are merged after all files
  std::vector<std::string> arguments = {};
  std::filesystem::path data_folder = {};  // tried for relative paths after the working directory; "": of the config
};

// The rows of one run, normalised.
struct RunData {
  Dataset train;
  std::optional<Dataset> validation, test;
  Normalization normalization;
};

struct Setup {
  TrainSource source;
  ConfigNode root;  // as written, files and arguments together
  Diagnostics diagnostics;
  TrainConfig config;
  ConfigNode resolved;  // all that was read, defaults included: write_yaml of it reproduces the run
  std::string output_dir;
  RunData data;
  Definitions definitions;  // the Module types of this config; open a LayerScope on its layers to build more of them
  Ref<Layer> model;
  Feed feed;
  Ref<Objective> objective;
  Ref<Optimizer> optimizer;
  std::string base = {}, base_hash = {};   // the run that init_from names, with its step, and what it held
  std::optional<SurgeryPlan> plan = {};    // of a run with init_from or surgery
  NamedFilters partitions = {};            // of checkpoints, see train.partitions
  Ref<Layer> before = {};                  // the model before the surgery; gone once the plan says what has changed
  int64_t total_steps = 0;  // when the run ends, unless stopped early
};

// Reads the config, the data files and builds everything. Throws ConfigError (also for layers that do not fit each
// other, at the line of the layer), missing, data or io.
// With a cache, what several runs read alike is held once. Several threads may prepare runs at a time.
Setup prepare(const TrainSource& source, DataCache* cache = nullptr);

// Only the config, the model and the loss; for a run whose data is known from its checkpoints.
Setup prepare_model(const TrainSource& source);
// One split (train, validation, test), read and normalised as a run has done. Throws config when the config has none.
Dataset read_split(Setup& setup, const std::string& split, const DataSchema& schema,
                   const Normalization& normalization);

// The output_dir alone: cheap, to say something at once. "" when the config has other errors.
std::string output_dir_of(const TrainSource& source);

}  // namespace nnx
