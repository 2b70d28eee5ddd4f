#include <fmt/format.h>

#include "plan/passes.h"

namespace nnx::plan {
namespace {

std::string bytes_text(double bytes) {
  if (bytes < 10e3) return fmt::format("{:.0f} B", bytes);
  return bytes < 10e6 ? fmt::format("{:.1f} kB", bytes / 1e3) : fmt::format("{:.1f} MB", bytes / 1e6);
}

std::string indented(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    result += "      " + text.substr(at, end + 1 - at);
    at = end + 1;
  }
  return result;
}

std::string steps_text(const PlanReport& report);

std::string body_text(const BodyReport& body) {
  const std::string times = body.iterations < 0 ? "run until it ends" : fmt::format("run {} times", body.iterations);
  return fmt::format("{}: {} steps, {}\n", body.name, body.plan->steps.size(), body.iterations == 1 ? "run once" : times) +
         indented(steps_text(*body.plan));
}

std::string step_text(size_t number, const StepReport& step) {
  std::string marks;
  if (step.aliased) marks += " in place";
  if (step.fallback) marks += " FALLBACK";
  std::string ops;
  for (const std::string& op : step.ops) ops += (ops.empty() ? "" : " ") + op;
  std::string text =
      fmt::format("{:>4}  {:<40} {:>2} thr {:>10} {:>9.3f} MFLOP  -> {}{}\n      {}\n", number, step.kernel, step.threads,
                  bytes_text(step.bytes), step.flops / 1e6, step.result, marks, ops);
  for (const BodyReport& body : step.bodies) text += indented(body_text(body));
  return text;
}

std::string steps_text(const PlanReport& report) {
  std::string text;
  for (size_t i = 0; i < report.steps.size(); ++i) text += step_text(i, report.steps[i]);
  return text;
}

}  // namespace

std::string to_string(const PlanReport& report) {
  std::string text = steps_text(report);
  text += fmt::format("{} steps, up to {} threads, {:.3f} MFLOP, {} moved, {} on reference kernels\n",
                      report.steps.size(), report.threads, report.flops / 1e6, bytes_text(report.bytes), report.fallbacks);
  text += fmt::format(
      "arena {} (alive at once {}), constants {}, inputs {}, outputs {}\n",
      bytes_text(static_cast<double>(report.arena_bytes)), bytes_text(static_cast<double>(report.live_bytes)),
      bytes_text(static_cast<double>(report.constant_bytes)), bytes_text(static_cast<double>(report.input_bytes)),
      bytes_text(static_cast<double>(report.output_bytes)));
  for (const std::string& alias : report.copied_aliases) text += fmt::format("copied, not in place: {}\n", alias);
  return text;
}

}  // namespace nnx::plan
