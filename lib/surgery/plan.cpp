// The plan of a surgery as text and JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "nnx/summary.h"
#include "nnx/tabulate.h"
#include "surgery/surgery.h"

namespace nnx {
namespace {

constexpr size_t listed_paths = 6;

std::string paths_text(const std::vector<std::string>& paths) {
  std::string text;
  for (size_t i = 0; i < std::min(paths.size(), listed_paths); ++i) text += (i ? " " : "") + (paths[i].empty() ? "(the model)" : paths[i]);
  return paths.size() > listed_paths ? text + fmt::format(" and {} more", paths.size() - listed_paths) : text;
}

std::string effect_text(const SurgeryStep& step) {
  std::string text;
  const auto add = [&](std::string part) { text += (text.empty() ? "" : ", ") + std::move(part); };
  for (const KindChange& change : step.changes)
    add(fmt::format("{} {} {}", change.elements > 0 ? "+" : "-", change.kind, grouped(std::abs(change.elements))));
  if (step.frozen != 0) add(fmt::format("{} {}", grouped(std::abs(step.frozen)), step.frozen > 0 ? "frozen" : "no longer frozen"));
  return text;
}

std::string outputs_text(const SurgeryPlan& plan) {
  if (plan.probe.empty()) return "";
  if (!plan.difference) return fmt::format("; outputs were {}, now {}", plan.outputs_before, plan.outputs_after);
  if (*plan.difference == 0) return fmt::format("; outputs unchanged: largest difference 0 on {}", plan.probe);
  return fmt::format("; outputs changed: largest difference {:.3g} on {}", *plan.difference, plan.probe);
}

}  // namespace

std::string to_text(const SurgeryPlan& plan) {
  std::string text = plan.base.empty() ? "" : fmt::format("model from {}\n", plan.base);
  std::vector<std::vector<std::string>> rows{{"where", "operation", "selector", "matches", "at", "change"}};
  for (const SurgeryStep& step : plan.steps) {
    const OperationReport& r = step.report;
    const std::string count = r.matched == r.candidates ? fmt::format("{} {}", r.matched, r.noun) : fmt::format("{} of {} {}", r.matched, r.candidates, r.noun);
    rows.push_back({r.where, r.operation, r.selector, count, paths_text(r.paths), effect_text(step)});
  }
  std::istringstream lines(plan.steps.empty() ? "" : align_columns(rows, rows[0].size()));
  std::string line;
  for (int i = 0; i < 2 && std::getline(lines, line); ++i) text += line + "\n";   // the header
  for (const SurgeryStep& step : plan.steps) {
    std::getline(lines, line);
    text += line + "\n";
    for (const std::string& note : step.report.notes) text += "    " + note + "\n";
  }
  const double share = plan.parameters > 0 ? 100.0 * static_cast<double>(plan.trainable) / static_cast<double>(plan.parameters) : 0;
  return text + fmt::format("trainable {} of {} parameters ({:.2f} %){}\n", grouped(plan.trainable), grouped(plan.parameters), share, outputs_text(plan));
}

std::string to_json(const SurgeryPlan& plan) {
  using Json = nlohmann::ordered_json;
  Json steps = Json::array();
  for (const SurgeryStep& step : plan.steps) {
    const OperationReport& r = step.report;
    Json changes = Json::object();
    for (const KindChange& change : step.changes) changes[change.kind] = change.elements;
    steps.push_back({{"where", r.where}, {"operation", r.operation}, {"select", r.selector}, {"matched", r.matched},
                     {"candidates", r.candidates}, {"what", r.noun}, {"paths", r.paths}, {"elements", changes},
                     {"frozen", step.frozen}, {"notes", r.notes}});
  }
  Json json{{"base", plan.base.empty() ? Json() : Json(plan.base)}, {"steps", steps}, {"parameters", plan.parameters}, {"trainable", plan.trainable}};
  if (!plan.probe.empty())
    json["outputs"] = {{"probe", plan.probe}, {"before", plan.outputs_before}, {"after", plan.outputs_after},
                       {"largest_difference", plan.difference ? Json(*plan.difference) : Json()}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nnx
