// Diff says how two configs, runs or checkpoints differ.
//
//   const Difference d = difference("runs/a", "runs/b");       // or config files, or checkpoint directories
//   d.equal();   to_text(d);   to_json(d);
//
// Configs are compared value by value after composition, without defaults; of runs the resolved configs and the newest
// checkpoints; of checkpoints the tensors, by path. Numbers that are written differently (1e-3, 0.001) are equal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/node.h"
#include "nnx/state.h"

namespace nnx {

// One key: only in the first (removed), only in the second (added), or in both with different values.
struct KeyChange {
  enum class Kind { added, removed, changed } kind = Kind::changed;
  std::string key = {}, before = {}, after = {};   // of a tensor: its type
  std::optional<double> largest = {}, mean = {};   // |after - before| of tensors of one type
};

struct KeyDifference {
  std::vector<KeyChange> changes = {};  // in the order of the first, then what was added
  int64_t kept = 0;
};

struct Difference {
  std::string before, after;
  std::optional<KeyDifference> config = {}, tensors = {};
  std::vector<std::string> notes = {};  // checkpoints that were refused
  bool equal() const;
};

KeyDifference compare_configs(const ConfigNode& before, const ConfigNode& after);
KeyDifference compare_states(const State& before, const State& after);

// Throws ErrorKind::usage when the two are not of one sort, and what reading them throws.
Difference difference(const std::filesystem::path& before, const std::filesystem::path& after);

std::string to_text(const Difference& difference);
std::string to_json(const Difference& difference);

}  // namespace nnx
