#include <fmt/format.h>

#include "plan/passes.h"

namespace nnx::plan {
namespace {

std::string bytes_text(double bytes) {
  if (bytes < 10e3) return fmt::format("{:.0f} B", bytes);
  return bytes < 10e6 ? fmt::format("{:.1f} kB", bytes / 1e3) : fmt::format("{:.1f} MB", bytes / 1e6);
}

std::string step_text(size_t number, const StepReport& step) {
  std::string marks;
  if (step.aliased) marks += " in place";
  if (step.fallback) marks += " FALLBACK";
  std::string ops;
  for (const std::string& op : step.ops) ops += (ops.empty() ? "" : " ") + op;
  return fmt::format("{:>4}  {:<40} {:>2} thr {:>10} {:>9.3f} MFLOP  -> {}{}\n      {}\n", number, step.kernel,
                     step.threads, bytes_text(step.bytes), step.flops / 1e6, step.result, marks, ops);
}

}  // namespace

std::string to_string(const PlanReport& report) {
  size_t fallbacks = 0;
  std::string text;
  for (size_t i = 0; i < report.steps.size(); ++i) {
    text += step_text(i, report.steps[i]);
    fallbacks += report.steps[i].fallback;
  }
  text += fmt::format("{} steps, up to {} threads, {:.3f} MFLOP, {} moved, {} on reference kernels\n",
                      report.steps.size(), report.threads, report.flops / 1e6, bytes_text(report.bytes), fallbacks);
  text += fmt::format(
      "arena {} (alive at once {}), constants {}, inputs {}, outputs {}\n",
      bytes_text(static_cast<double>(report.arena_bytes)), bytes_text(static_cast<double>(report.live_bytes)),
      bytes_text(static_cast<double>(report.constant_bytes)), bytes_text(static_cast<double>(report.input_bytes)),
      bytes_text(static_cast<double>(report.output_bytes)));
  for (const std::string& alias : report.copied_aliases) text += fmt::format("copied, not in place: {}\n", alias);
  return text;
}

}  // namespace nnx::plan
