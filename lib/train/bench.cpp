#include "train/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "config/write.h"
#include "kernels/kernel.h"
#include "nnx/summary.h"
#include "train/meter.h"

namespace nnx {
namespace {

// The value below which `share` of `sorted` lies.
double quantile(const std::vector<double>& sorted, double share) {
  return sorted.at(static_cast<size_t>(share * static_cast<double>(sorted.size() - 1)));
}

class Bench {
 public:
  explicit Bench(Setup& setup)
      : step_(setup.model, setup.optimizer, setup.objective, setup.feed, setup.config.train.precision),
        batches_(gather_batches(setup, 8)) {
    train(setup.model);
  }

  // Seconds of one step.
  double run_step() {
    const size_t at = static_cast<size_t>(done_++) % batches_.size();
    const double begin = clock_seconds();
    const BatchResult result = step_(batches_[at].x, batches_[at].y);
    const double seconds = clock_seconds() - begin;
    const double loss = result.loss();
    if (first_losses_.size() < batches_.size()) {
      first_losses_.push_back(loss);
      last_losses_.push_back(loss);
    }
    last_losses_[at] = loss;
    return seconds;
  }

  double first_loss() const { return mean_of(first_losses_); }
  double last_loss() const { return mean_of(last_losses_); }
  const TrainStep& step() const { return step_; }
  int64_t batch_size() const { return batches_[0].x.dim(0); }

 private:
  static double mean_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }

  TrainStep step_;
  std::vector<BatchArrays> batches_;
  std::vector<double> first_losses_, last_losses_;  // by batch
  int64_t done_ = 0;
};

// The times of one block in ms, sorted: of `steps` steps, or of as many as fit `seconds` when that is 0.
std::vector<double> time_block(Bench& bench, int64_t steps, double seconds) {
  bench.run_step();  // the caches are the step's again
  std::vector<double> times;
  const double until = clock_seconds() + seconds;
  while (steps > 0 ? std::ssize(times) < steps : times.size() < 4 || clock_seconds() < until)
    times.push_back(1e3 * bench.run_step());
  std::ranges::sort(times);
  return times;
}

void time_blocks(Bench& bench, const BenchOptions& options, PeakMeter& peak, BenchResult& result) {
  std::vector<double> all;
  for (int block = 0; block < options.blocks; ++block) {
    peak.measure();
    const int64_t steps = options.steps > 0 ? std::max<int64_t>(options.steps / options.blocks, 1) : 0;
    const std::vector<double> times = time_block(bench, steps, options.seconds / options.blocks);
    all.insert(all.end(), times.begin(), times.end());
    result.block_ms.push_back(quantile(times, 0.5));
  }
  peak.measure();
  std::ranges::sort(all);
  result.steps = static_cast<int64_t>(all.size());
  result.p10 = quantile(all, 0.1);
  result.p90 = quantile(all, 0.9);
  result.min = all.front();
  result.mean = std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
  std::vector<double> medians = result.block_ms;
  std::ranges::sort(medians);
  result.ms = quantile(medians, 0.5);
}

}  // namespace

std::vector<BatchArrays> gather_batches(const Setup& setup, int64_t count) {
  LoaderOptions options = setup.config.data.loader;
  options.drop_last = true;
  Loader loader(setup.data.train, options, static_cast<uint64_t>(setup.config.seed));
  std::vector<BatchArrays> batches;
  for (int64_t i = 0; i < std::min(count, loader.batches_per_epoch()); ++i)
    batches.push_back(arrays_of(loader.next(), setup.data.train));
  return batches;
}

BenchResult bench(Setup& setup, const BenchOptions& options) {
  BenchResult result;
  result.threads = kernels::max_threads();
  result.isa = kernels::isa_name();
  result.library = kernels::library_name();
  PeakMeter peak(result.threads);
  Bench bench(setup);
  result.batch_size = bench.batch_size();
  result.first_ms = 1e3 * bench.run_step();
  const double warm_until = clock_seconds() + options.warm_up_seconds;
  for (int i = 0; i < 5 || clock_seconds() < warm_until; ++i) bench.run_step();
  time_blocks(bench, options, peak, result);

  const PlanReport& report = bench.step().plan()->report();
  result.fallback_steps = static_cast<int64_t>(report.fallbacks);
  result.plan_steps = static_cast<int64_t>(report.steps.size());
  result.arena_bytes = static_cast<int64_t>(report.arena_bytes);
  result.live_bytes = static_cast<int64_t>(report.live_bytes);
  result.samples_per_second = static_cast<double>(result.batch_size) / result.ms * 1e3;
  result.gflop = report.flops * 1e-9;
  result.gflops = result.gflop / result.ms * 1e3;
  result.peak_gflops = peak.gflops();
  result.peak_share = result.gflops / result.peak_gflops;
  result.loss_before = bench.first_loss();
  result.loss_after = bench.last_loss();
  return result;
}

std::string to_string(const BenchResult& r) {
  const auto row = [](std::string_view name, const std::string& text) {
    return fmt::format("{:<12} {}\n", name, text);
  };
  return row("machine", fmt::format("{} threads, {}, {}", r.threads, r.isa, r.library)) +
         row("step", fmt::format("{:.4f} ms (p10 {:.4f}, p90 {:.4f}, min {:.4f}) over {} steps in {} blocks", r.ms,
                                 r.p10, r.p90, r.min, grouped(r.steps), r.block_ms.size())) +
         row("first step", fmt::format("{:.1f} ms, compiling included", r.first_ms)) +
         row("samples/s",
             fmt::format("{} (batch {})", grouped(static_cast<int64_t>(r.samples_per_second)), r.batch_size)) +
         row("of f32 peak", fmt::format("{:.1f} % ({:.4f} GFLOP a step, {:.1f} of {:.1f} GFLOP/s)", 100 * r.peak_share,
                                        r.gflop, r.gflops, r.peak_gflops)) +
         row("plan", fmt::format("{} steps, {} on reference kernels, arena {} bytes (alive at once {})", r.plan_steps,
                                 r.fallback_steps, grouped(r.arena_bytes), grouped(r.live_bytes))) +
         row("loss", fmt::format("{:.4f} before, {:.4f} after", r.loss_before, r.loss_after));
}

std::string table_head(size_t width) {
  return fmt::format("{:<{}} {:>6} {:>10}  {:<20} {:>8} {:>8} {:>6} {:>12}\n", "config", width, "batch", "ms a step", "range of blocks",
                     "GFLOP/s", "of peak", "steps", "arena bytes");
}

std::string table_line(const BenchResult& r, size_t width) {
  const auto [least, most] = std::ranges::minmax(r.block_ms);
  return fmt::format("{:<{}} {:>6} {:>10.4f}  {:<20} {:>8.1f} {:>6.1f} % {:>6} {:>12}\n", r.config, width, r.batch_size, r.ms,
                     fmt::format("{:.4f} to {:.4f}", least, most), r.gflops, 100 * r.peak_share, r.plan_steps, grouped(r.arena_bytes));
}

std::string to_json(const BenchResult& result) { return to_json(to_config(result)); }

TrainStep compiled_train_step(Setup& setup) {
  train(setup.model);
  TrainStep step(setup.model, setup.optimizer, setup.objective, setup.feed, setup.config.train.precision);
  const std::vector<BatchArrays> batches = gather_batches(setup, 1);
  step.compile(batches[0].x, batches[0].y);
  return step;
}

}  // namespace nnx
