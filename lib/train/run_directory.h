// RunDirectory is the folder that a run leaves behind, held by one process at a time.
//
//   <run>/config.yaml     what was read, defaults included: training it again gives the same run
//   <run>/manifest.json   who, where, with what: the only file of the run that holds times
//   <run>/metrics.jsonl   one record a line; <run>/timings.jsonl the times that belong to them
//   <run>/summary.json    how it ended; <run>/log.txt what was said; <run>/checkpoints/ see checkpoint/checkpoint.h
//
// config.yaml, manifest.json and summary.json are replaced as a whole: no reader sees half of one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/run_lock.h"
#include "train/environment.h"

namespace nnx {

class RunDirectory {
 public:
  // Makes it where needed and locks it. Throws busy, cannot_create, and cannot_create for a folder that holds a
  // config.yaml of something else.
  explicit RunDirectory(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  bool begun() const { return !run_id_.empty(); }  // a manifest is there
  const std::string& run_id() const { return run_id_; }

  // Writes manifest and config of a new run, with a new run id, and empties what an older one left.
  void begin(const Setup& setup, const RunEnvironment& environment, const std::vector<std::string>& argv);
  // Notes in the manifest that the run goes on from `step`, and writes its config again.
  void go_on(const Setup& setup, const std::vector<std::string>& argv, int64_t step);
  void write_summary(const std::string& json) const { write("summary.json", json); }

 private:
  void write(const std::string& name, const std::string& text) const;
  std::filesystem::path path_;
  RunLock lock_;
  std::string run_id_, manifest_;
};

// The config that a run directory was begun with. Throws missing when it is none.
ConfigNode stored_config(const std::filesystem::path& run);
// The working directory of the process that began it; "" when it is not known.
std::filesystem::path stored_working_directory(const std::filesystem::path& run);

}  // namespace nnx
