// A run with adapters as a run of the plain model: its layers have kernel + A B for kernel.
//
//   const MergeReport r = merge_lora_run({.run = "runs/lora", .output = "runs/merged"});    r.difference
//
// What is written can be evaluated, inspected and started from (init_from); it has no optimizer state to resume with.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace nnx {

struct MergeRequest {
  std::filesystem::path run, output;
  std::string step = {};                 // "" is the newest checkpoint, else "best" or a step
  std::vector<std::string> argv = {};    // for the manifest
};

struct MergeReport {
  std::string run, output;
  int64_t step = 0;
  std::vector<std::string> layers = {};  // that were merged
  int64_t rows = 0;                      // of the training data, that both models were called with
  double difference = 0;                 // largest of any output
  double largest = 0;                    // output, as a measure of that
};

// Throws what reading a run throws, structure when no layer has an adapter, and cannot_create where a run is already.
MergeReport merge_lora_run(const MergeRequest& request);
std::string to_text(const MergeReport& report);
std::string to_json(const MergeReport& report);

}  // namespace nnx
