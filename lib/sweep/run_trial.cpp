#include "sweep/run_trial.h"

#include <algorithm>

namespace nnx {
namespace {

bool is_rung(const EarlyTerminate& rule, int64_t epoch) {
  int64_t rung = rule.min_epochs;
  while (rung < epoch && rung <= INT64_MAX / rule.eta) rung *= rule.eta;
  return rung == epoch;
}

// Passes everything on, and looks at the metric as it is recorded.
class Judge final : public TrainObserver {
 public:
  Judge(const SweepDirectory& sweep, int64_t number, TrainObserver* next) : sweep_(sweep), number_(number), next_(next) {}
  bool pruned() const { return pruned_; }

  void message(const std::string& line) override { if (next_) next_->message(line); }
  void warning(const std::string& line) override { if (next_) next_->warning(line); }
  void step(const StepEvent& event) override { if (next_) next_->step(event); }
  void record(const MetricRecord& record, double samples_per_second) override {
    if (next_) next_->record(record, samples_per_second);
    const std::string& name = sweep_.spec().metric.name;
    const bool by_loss = name == record.split + ".loss", by_accuracy = name == record.split + ".accuracy" && record.metrics.accuracy;
    if (!sweep_.spec().early_terminate || !(by_loss || by_accuracy)) return;
    const EarlyTerminate& rule = *sweep_.spec().early_terminate;
    if (!is_rung(rule, record.epoch)) return;
    std::vector<double> others;
    for (const Trial& trial : sweep_.trials()) {
      if (trial.number == number_) continue;
      const std::map<int64_t, double> values = sweep_.result(trial.number).by_epoch;
      if (const auto at = values.find(record.epoch); at != values.end()) others.push_back(at->second);
    }
    const double value = by_loss ? record.metrics.loss : *record.metrics.accuracy;
    pruned_ = !goes_on(rule, sweep_.spec().metric.maximize(), record.epoch, value, others);
  }

 private:
  const SweepDirectory& sweep_;
  int64_t number_;
  TrainObserver* next_;
  bool pruned_ = false;
};

}  // namespace

bool goes_on(const EarlyTerminate& rule, bool maximize, int64_t epoch, double value, const std::vector<double>& others) {
  if (!is_rung(rule, epoch)) return true;
  const auto better = std::ranges::count_if(others, [&](double other) { return maximize ? other > value : other < value; });
  const auto places = (static_cast<int64_t>(others.size()) + 1 + rule.eta - 1) / rule.eta;
  return better < places;
}

TrialResult run_trial(const SweepDirectory& sweep, int64_t number, TrainOptions options) {
  TrialResult before = sweep.result(number);
  if (before.finished()) return before;
  Judge judge(sweep, number, options.observer);
  options.observer = &judge;
  options.resume = "auto";
  options.stop = [&judge, stop = std::move(options.stop)](int64_t step) {
    std::string asked = stop ? stop(step) : "";
    return asked.empty() && judge.pruned() ? "pruned" : asked;
  };
  run_training({.files = {sweep.config_of(number).string()}}, options);
  return sweep.result(number);
}

}  // namespace nnx
