#include "train/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "nnx/summary.h"
#include "train/bench.h"
#include "train/inspect.h"
#include "train/meter.h"

namespace nnx {
namespace {

using nlohmann::json;
using Run = std::vector<StepTime>;

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

double length_of(const Run& run) { return run.empty() ? 0 : run.back().end - run.front().begin; }

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string row(const PlanProfile& p, size_t step) {
  const StepReport& s = p.report.steps[step];
  const double seconds = p.seconds[step];
  const std::string ops = joined(s.ops);
  return fmt::format("{:>4} {:>10.1f} {:>6.1f} % {:>10} {:>9.1f} {:>8.1f} {:>8.1f} %  {} {}{}\n", step, 1e6 * seconds,
                     100 * share(seconds, p.run_seconds), byte_text(static_cast<size_t>(s.bytes)),
                     1e-9 * share(s.flops, seconds), 1e-9 * share(s.bytes, seconds),
                     100 * share(p.roofline[step], seconds),
                     s.kernel.starts_with("fused[") ? "fused loop" : s.kernel, s.result,
                     ops == s.kernel ? "" : "  " + ops);
}

}  // namespace

PlanProfile profile(Setup& setup, int64_t runs) {
  const TrainStep step = compiled_train_step(setup);
  const std::vector<BatchArrays> batches = gather_batches(setup, 8);
  const auto run = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const BatchArrays& batch = batches[static_cast<size_t>(i) % batches.size()];
      step(batch.x, batch.y);
    }
  };
  const int threads = kernels::max_threads();
  PeakMeter peak(threads);
  BandwidthMeter bandwidth(threads);
  run(std::max<int64_t>(5, runs / 4));
  peak.measure();
  const Plan& plan = *step.plan();
  plan.start_timing();
  run(runs);
  const std::vector<Run> times = plan.stop_timing();
  peak.measure();

  PlanProfile p;
  p.report = plan.report();
  p.runs = runs;
  p.peak_gflops = peak.gflops();
  std::vector<double> lengths;
  for (const Run& r : times) lengths.push_back(length_of(r));
  p.run_seconds = median(lengths);
  p.example = *std::ranges::min_element(times, {}, [&](const Run& r) { return std::abs(length_of(r) - p.run_seconds); });
  for (size_t s = 0; s < p.report.steps.size(); ++s) {
    std::vector<double> of_step;
    for (const Run& r : times) of_step.push_back(r[s].end - r[s].begin);
    p.seconds.push_back(median(of_step));
    const StepReport& report = p.report.steps[s];
    p.roofline.push_back(std::max(1e-9 * report.flops / p.peak_gflops, report.bytes / bandwidth.of(report.bytes)));
  }
  return p;
}

std::string to_string(const PlanProfile& p, size_t most) {
  std::vector<size_t> order(p.seconds.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](size_t s) { return p.seconds[s]; });
  const double steps = std::accumulate(p.seconds.begin(), p.seconds.end(), 0.0);
  const double roofline = std::accumulate(p.roofline.begin(), p.roofline.end(), 0.0);
  std::string text = fmt::format("{:>4} {:>10} {:>8} {:>10} {:>9} {:>8} {:>10}\n", "step", "us", "of run", "bytes",
                                 "GFLOP/s", "GB/s", "roofline");
  for (size_t i = 0; i < std::min(most, order.size()); ++i) text += row(p, order[i]);
  return text +
         fmt::format("{} steps: {:.1f} us a run, {:.1f} us in steps, {:.1f} us by their rooflines ({:.1f} %); medians of "
                     "{} runs, peak {:.1f} GFLOP/s\n",
                     p.seconds.size(), 1e6 * p.run_seconds, 1e6 * steps, 1e6 * roofline,
                     100 * share(roofline, p.run_seconds), p.runs, p.peak_gflops);
}

std::string to_json(const PlanProfile& p) {
  json out = json::parse(to_json(p.report));
  for (size_t s = 0; s < p.seconds.size(); ++s) {
    out["steps"][s]["seconds"] = p.seconds[s];
    out["steps"][s]["roofline_seconds"] = p.roofline[s];
    out["steps"][s]["share"] = share(p.seconds[s], p.run_seconds);
  }
  out["runs"] = p.runs;
  out["run_seconds"] = p.run_seconds;
  out["peak_gflops"] = p.peak_gflops;
  return out.dump(1);
}

std::string to_trace(const PlanProfile& p) {
  json events = json::array();
  for (size_t s = 0; s < p.example.size(); ++s) {
    const StepReport& step = p.report.steps[s];
    events.push_back({{"name", joined(step.ops)},
                      {"cat", step.kernel},
                      {"ph", "X"},
                      {"pid", 0},
                      {"tid", 0},
                      {"ts", 1e6 * p.example[s].begin},
                      {"dur", 1e6 * (p.example[s].end - p.example[s].begin)},
                      {"args",
                       {{"step", s},
                        {"kernel", step.kernel},
                        {"result", step.result},
                        {"flops", step.flops},
                        {"bytes", step.bytes},
                        {"threads", step.threads},
                        {"of roofline", share(p.roofline[s], p.seconds[s])}}}});
  }
  return json{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ns"}}.dump(1);
}

}  // namespace nnx
