// The rungs of early termination by successive halving: what trials have reached at which epoch, and who goes on.
//
//   Rungs rungs(sweep, {7});                    // trial 7 runs in this process
//   rungs.record(7, 3, 0.41);                   // the metric at epoch 3
//   if (!rungs.goes_on(7)) ...stop it...
//
// A trial is compared with all that have come as far when it is asked for: those of this process, which record here, and
// the others by the records in their folders.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "sweep/sweep_directory.h"

namespace nnx {

// Whether a trial whose metric is `value` at `epoch` goes on, given what others have had there: at a rung it must be among
// the best 1/eta, itself included.
bool goes_on(const EarlyTerminate& rule, bool maximize, int64_t epoch, double value, const std::vector<double>& others);

class Rungs {
 public:
  // `members`: the trials of this process.
  Rungs(const SweepDirectory& sweep, const std::vector<int64_t>& members) : sweep_(sweep), members_(members.begin(), members.end()) {}

  void record(int64_t trial, int64_t epoch, double value);
  // True without early termination, and where there is nothing recorded since it was asked last.
  bool goes_on(int64_t trial);

 private:
  using Values = std::map<int64_t, double>;   // by trial
  const std::vector<double>& others_at(int64_t epoch);

  const SweepDirectory& sweep_;
  std::set<int64_t> members_;
  std::map<int64_t, Values> recorded_;                     // by epoch
  std::map<int64_t, std::vector<double>> others_;          // by epoch, of trials elsewhere
  std::map<int64_t, int64_t> unjudged_;                    // trial to epoch
};

}  // namespace nnx
