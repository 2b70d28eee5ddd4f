// How long each step of the compiled training step takes, and how near that is to what the machine could do.
//
//   Setup setup = prepare(source);
//   const PlanProfile p = profile(setup, 100);
//   to_string(p);            // a table of the most expensive steps
//   to_trace(p);             // one run as JSON of Chrome's trace viewer
//
// - The steps run as they do in training, on real batches one after the other; the model is trained by it.
// - The roofline of a step is the larger of FLOPs / peak and bytes / bandwidth. The bandwidth is that of a pass over as
//   many bytes: what a step reads may still be in a cache, so a small step is held against the caches.
#pragma once

#include "plan/plan.h"
#include "train/setup.h"

namespace nnx {

struct PlanProfile {
  PlanReport report;
  int64_t runs = 0;
  std::vector<double> seconds;     // of each step, the median of the runs
  std::vector<double> roofline;    // the seconds its roofline allows
  double run_seconds = 0;          // the median, from the begin of the first step to the end of the last
  double peak_gflops = 0;          // of f32 matrix products
  std::vector<StepTime> example;   // the run that took nearest to the median
};

// Throws what a step throws.
PlanProfile profile(Setup& setup, int64_t runs);

std::string to_string(const PlanProfile& profile, size_t most = 10);  // the `most` expensive steps, for people
std::string to_json(const PlanProfile& profile);    // the plan's JSON; steps also have seconds, roofline_seconds and share
std::string to_trace(const PlanProfile& profile);   // for chrome://tracing and Perfetto

}  // namespace nnx
