// SweepDirectory is the folder of a sweep: everything that is to be tried is frozen in it when it is planned, and each
// trial is an ordinary run directory. Nothing else holds state: any number of workers on a shared file system can work on
// one at the same time, and any of them may be killed.
//
//   <sweep>/sweep.yaml         the spec, defaults included
//           trials.jsonl       one planned trial a line: {"number", "point", "repeat"}
//           trials/0007.yaml   its config: nnx-train --config trials/0007.yaml is the same run
//           trials/0007/       the run; its lock is what claims it, its summary.json says how it ended
//           study.journal      finished trials, as Optuna's JournalStorage reads them
//
//   SweepDirectory sweep = SweepDirectory::plan(spec, "sweeps/digits");
//   sweep.trials(); sweep.result(7).status;
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sweep/trial.h"

namespace nnx {

// planned: not begun; stopped: begun, and nobody is at it; the others as in summary.json, "pruned" for one that fell behind.
struct TrialResult {
  std::string status, reason;
  std::optional<double> value = {};             // of the metric, at the end
  std::map<int64_t, double> by_epoch = {};      // of the metric, as it was recorded
  int64_t epochs = 0, steps = 0;
  double seconds = 0;                           // of training, over all sessions
  bool finished() const { return status == "completed" || status == "early_stopped" || status == "pruned" || failed(); }
  bool failed() const { return status == "failed" || status == "diverged"; }
  bool scored() const { return value && !failed() && finished(); }
};

class SweepDirectory {
 public:
  // Freezes the spec and the config of every trial. Throws cannot_create where a sweep is, usage and config for what a
  // trial's config does not hold, naming the trial.
  static SweepDirectory plan(const SweepSpec& spec, const std::filesystem::path& path);
  // A sweep that was planned. Throws missing when it is none, data when it is damaged.
  explicit SweepDirectory(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  const SweepSpec& spec() const { return spec_; }
  const std::vector<Trial>& trials() const { return trials_; }
  // Adds trials that were not known when the sweep was planned (method tpe), and freezes their configs.
  void add(const std::vector<Trial>& trials);

  std::filesystem::path run_of(int64_t number) const;      // trials/0007
  std::filesystem::path config_of(int64_t number) const;   // trials/0007.yaml
  TrialResult result(int64_t number) const;

 private:
  SweepDirectory() = default;
  std::string frozen(const Trial& trial) const;   // the text of its config
  void freeze(const std::vector<Trial>& trials, int threads) const;
  std::filesystem::path path_;
  SweepSpec spec_;
  std::vector<Trial> trials_;
};

std::string trial_name(int64_t number);   // "0007"
int jobs_of(const SweepSpec& spec);       // trials at a time
int threads_of(const SweepSpec& spec);    // of one trial

}  // namespace nnx
