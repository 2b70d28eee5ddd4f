// The trials of a sweep: pure functions from the spec and a number to settings.
//
//   for (const Trial& t : choose_trials(spec)) t.arguments();   // {"optimizer.learning_rate=0.0031", "seed=1"}
//
// Trial i is the same whatever else runs: its draws are threefry bits of (sweep seed, point number, parameter number).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/spec.h"

namespace nnx {

// One key with the value that a trial has for it.
struct Setting {
  std::string key, value;          // as in key=value
  std::optional<size_t> choice = {};   // which of the parameter's values
  Origin origin = {};                  // where the value, or the range it is from, was written; of new trials only
};

struct Trial {
  int64_t number = 0;
  std::vector<Setting> point = {};    // what the method chose
  std::vector<Setting> repeat = {};   // which repetition of the point
  std::vector<std::string> arguments() const;        // key=value; without overlays
  std::vector<std::string> overlays() const;         // of the parameter `overlay`
  std::string point_text() const;                    // "optimizer.learning_rate=0.1 data.batch_size=32"
};

// How many trials the method has; SweepMethod::tpe asks for its points one by one and has run_cap of them.
// Throws ErrorKind::config when a grid without run_cap has more than max_trials points.
int64_t count_points(const SweepSpec& spec);
int64_t count_repeats(const SweepSpec& spec);

// Point number `i` of the sweep, of any method but tpe.
std::vector<Setting> choose_point(const SweepSpec& spec, int64_t i);
// All trials: every point with each of its repetitions.
std::vector<Trial> choose_trials(const SweepSpec& spec);
// The repetitions of one point, numbered from `first`.
std::vector<Trial> with_repeats(const SweepSpec& spec, const std::vector<Setting>& point, int64_t first);

// A value of a range from u in [0, 1).
std::string value_at(const ParameterSpec& range, double u);
// A value as it stands in key=value.
std::string setting_text(const ConfigNode& value);

}  // namespace nnx
