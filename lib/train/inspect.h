// What a run has learned and what its training step runs, as text and pages for people and as JSON for programs.
//
//   const Inspection seen = inspect("runs/mlp", "best");     // or "" for the newest, or a step
//   inspect("runs/mlp", "", "linear1")                        // what a selector matches, and the layers on the way to it
//   to_text(seen);   to_json(seen);
//
// A checkpoint is read without the code of the model: its GraphDef and States are enough. Where the run's config still
// builds the model, the table of layers has shapes and FLOPs of a forward call, too. Nothing on disk is changed, also
// while another process trains.
#pragma once

#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "nnx/tabulate.h"
#include "plan/plan.h"
#include "train/setup.h"

namespace nnx {

struct Inspection {
  std::filesystem::path run, directory;  // of the checkpoint
  Checkpoint checkpoint;
  State model;  // all partitions but the optimizer's
  Tabulation layers;
  std::vector<std::string> notes;  // checkpoints that were refused, what could not be told, and why
};

// `select` is a selector in YAML (surgery/selector.h). Throws ErrorKind::missing when there is no such run or step, usage for
// a step that is none or a selector that matches nothing, and what reading throws.
Inspection inspect(const std::filesystem::path& run, const std::string& step = "", const std::string& select = "");

// The GraphDef as a tree, the State by partition, and the table of layers.
std::string to_text(const Inspection& inspection, bool color = false);
std::string to_json(const Inspection& inspection);
// The model, its layers and the optimizer's State as one web page, see nnx/html.h.
std::string to_html(const Inspection& inspection);

std::string to_json(const PlanReport& report);

// The config of a run with values replaced, to be prepared again. Throws ErrorKind::missing when it is no run.
TrainSource source_of_run(const std::filesystem::path& run, std::vector<std::string> arguments = {});

}  // namespace nnx
