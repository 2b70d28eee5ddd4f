#include "sweep/rungs.h"

#include <algorithm>

namespace nnx {
namespace {

bool is_rung(const EarlyTerminate& rule, int64_t epoch) {
  int64_t rung = rule.min_epochs;
  while (rung < epoch && rung <= INT64_MAX / rule.eta) rung *= rule.eta;
  return rung == epoch;
}

}  // namespace

bool goes_on(const EarlyTerminate& rule, bool maximize, int64_t epoch, double value, const std::vector<double>& others) {
  if (!is_rung(rule, epoch)) return true;
  const auto better = std::ranges::count_if(others, [&](double other) { return maximize ? other > value : other < value; });
  const auto places = (static_cast<int64_t>(others.size()) + 1 + rule.eta - 1) / rule.eta;
  return better < places;
}

void Rungs::record(int64_t trial, int64_t epoch, double value) {
  recorded_[epoch][trial] = value;
  unjudged_[trial] = epoch;
}

const std::vector<double>& Rungs::others_at(int64_t epoch) {
  const auto [found, fresh] = others_.try_emplace(epoch);
  if (!fresh) return found->second;
  for (const Trial& trial : sweep_.trials()) {
    if (members_.contains(trial.number)) continue;
    const Values values = sweep_.result(trial.number).by_epoch;
    if (const auto at = values.find(epoch); at != values.end()) found->second.push_back(at->second);
  }
  return found->second;
}

bool Rungs::goes_on(int64_t trial) {
  const auto at = unjudged_.find(trial);
  if (at == unjudged_.end() || !sweep_.spec().early_terminate) return true;
  const int64_t epoch = at->second;
  unjudged_.erase(at);
  const EarlyTerminate& rule = *sweep_.spec().early_terminate;
  if (!is_rung(rule, epoch)) return true;
  std::vector<double> others = others_at(epoch);
  for (const auto& [number, value] : recorded_.at(epoch))
    if (number != trial) others.push_back(value);
  return nnx::goes_on(rule, sweep_.spec().metric.maximize(), epoch, recorded_.at(epoch).at(trial), others);
}

}  // namespace nnx
