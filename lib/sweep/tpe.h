// The points of `method: tpe`: a sampler that learns from the trials that have finished.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sweep/sweep_directory.h"

namespace nnx {

// Optuna's TPE sampler, asked through one Python process that lives as long as this object. It is told of every finished
// point, also of those that an earlier process ran. Throws ErrorKind::missing when no Python here has Optuna.
class TpeSampler {
 public:
  explicit TpeSampler(const SweepDirectory& sweep);
  ~TpeSampler();
  TpeSampler(const TpeSampler&) = delete;
  TpeSampler& operator=(const TpeSampler&) = delete;

  std::vector<Setting> ask();                                  // a new point
  void tell(const std::vector<Setting>& point, std::optional<double> value);   // none: it failed

 private:
  std::string exchange(const std::string& request);
  const SweepDirectory& sweep_;
  int pid_ = -1, to_ = -1, from_ = -1;
};

}  // namespace nnx
