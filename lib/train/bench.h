// Times the compiled training step of a config: how long it takes, what it does, and how near that is to what the
// processor could do.
//
//   Setup setup = prepare(source);
//   const BenchResult r = bench(setup, {.steps = 300});      // r.ms, r.samples_per_second, r.peak_share
//
// - Only the step is timed: up to eight batches are gathered beforehand and used in turn.
// - The peak is that of train/meter.h, measured between the blocks of steps.
// - The model is trained by it.
#pragma once

#include "train/setup.h"
#include "train/steps.h"

namespace nnx {

struct BenchOptions {
  int64_t steps = 0;  // timed, in all blocks together; 0: as many as fit `seconds`
  double seconds = 2;
  double warm_up_seconds = 0.3;  // and at least five steps
  int blocks = 5;
};

struct BenchResult {
  std::string config;                        // a name for the table
  int threads = 0;
  std::string isa, library;
  int64_t batch_size = 0, steps = 0;
  double first_ms = 0;                       // the first step: tracing and compiling included
  double ms = 0, mean = 0, p10 = 0, p90 = 0, min = 0;  // of a step; ms is the median of the blocks' medians
  std::vector<double> block_ms;              // the median of each block
  double samples_per_second = 0;
  double gflop = 0, gflops = 0;  // of a step, as the plan counts; gflop / ms
  double peak_gflops = 0, peak_share = 0;
  int64_t plan_steps = 0, fallback_steps = 0, arena_bytes = 0, live_bytes = 0;
  double loss_before = 0, loss_after = 0;  // mean over the batches of the first and the last round

  static void fields(auto& self, auto&& f) {
    f("config", self.config);
    f("threads", self.threads);
    f("isa", self.isa);
    f("library", self.library);
    f("batch_size", self.batch_size);
    f("steps", self.steps);
    f("first_ms", self.first_ms);
    f("ms", self.ms);
    f("mean", self.mean);
    f("p10", self.p10);
    f("p90", self.p90);
    f("min", self.min);
    f("block_ms", self.block_ms);
    f("samples_per_second", self.samples_per_second);
    f("gflop", self.gflop);
    f("gflops", self.gflops);
    f("peak_gflops", self.peak_gflops);
    f("peak_share", self.peak_share);
    f("plan_steps", self.plan_steps);
    f("fallback_steps", self.fallback_steps);
    f("arena_bytes", self.arena_bytes);
    f("live_bytes", self.live_bytes);
    f("loss_before", self.loss_before);
    f("loss_after", self.loss_after);
  }
};

// Throws what a step throws, and ErrorKind::config when an epoch has no full batch.
BenchResult bench(Setup& setup, const BenchOptions& options = {});
std::string to_string(const BenchResult& result);  // for people
std::string to_json(const BenchResult& result);    // an object of the fields above

// A line of a table for several workloads, and what stands above it; `width` is that of the first column, the config.
std::string table_head(size_t width);
std::string table_line(const BenchResult& result, size_t width);

// Up to `count` different full batches of the training data, as an epoch gives them.
std::vector<BatchArrays> gather_batches(const Setup& setup, int64_t count);

// A train step compiled for the first batch, so that its plan is there to look at. It has not run.
TrainStep compiled_train_step(Setup& setup);

}  // namespace nnx
