// What a run takes from another one: its model as of a checkpoint.
//
//   const RunModel base = read_run_model("runs/base@best", folder);       // or runs/base, runs/base@1200
//   base.model; base.name;                                                // "runs/base@1200"
//
// The model is built as that run's config says (its own init_from and surgery included), then filled from the checkpoint.
// Nothing on disk is changed.
#pragma once

#include <filesystem>
#include <string>

#include "checkpoint/checkpoint.h"
#include "train/environment.h"

namespace nnx {

struct RunModel {
  std::string name;        // as written, with the step that it was
  int64_t step = 0;
  Ref<Layer> model;
  Setup setup;             // of that run, without data
  Checkpoint checkpoint;
  RunEnvironment environment;   // what the checkpoint says it belongs to
  std::string hash;        // of its parameters and statistics
};

// Relative paths are looked up in the working directory, then in `folder`. Throws ErrorKind::missing, usage for a step
// that is none, and what reading a run throws.
RunModel read_run_model(const std::string& reference, const std::filesystem::path& folder = {});

// A checkpoint of a run: "" is the newest, else "best" or a step. Checkpoints that were refused add notes.
Checkpoint read_step(CheckpointStore& store, const std::filesystem::path& run, const std::string& step,
                     std::vector<std::string>& notes);

// A number for all parameters and statistics of a model: their paths, types and bytes.
std::string base_hash(const Ref<Layer>& model);

// setup.model becomes the one that init_from names, and init_from says its step; then the surgery of the config.
void prepare_from_base(Setup& setup, Rngs& rngs);

}  // namespace nnx
