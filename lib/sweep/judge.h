// A Judge watches one trial for early termination: it passes everything on, and notes the metric at its Rungs.
#pragma once

#include <optional>

#include "sweep/rungs.h"
#include "train/trainer.h"

namespace nnx {

// The metric of a sweep in a record, when it is there.
inline std::optional<double> value_in(const MetricRecord& record, const MetricSpec& metric) {
  const std::string_view name = metric.name;
  if (!name.starts_with(record.split + ".")) return std::nullopt;
  return record.metrics.find(name.substr(record.split.size() + 1));
}

class Judge final : public TrainObserver {
 public:
  Judge(const SweepSpec& spec, Rungs& rungs, int64_t trial, TrainObserver* next)
      : spec_(spec), rungs_(rungs), trial_(trial), next_(next) {}

  void message(const std::string& line) override { if (next_) next_->message(line); }
  void warning(const std::string& line) override { if (next_) next_->warning(line); }
  void step(const StepEvent& event) override { if (next_) next_->step(event); }
  void record(const MetricRecord& record, double samples_per_second) override {
    if (next_) next_->record(record, samples_per_second);
    if (const auto value = value_in(record, spec_.metric)) rungs_.record(trial_, record.epoch, *value);
  }

  // TrainOptions::stop of the trial: what `asked` says, or "pruned" when it has fallen behind.
  std::function<std::string(int64_t)> stop(std::function<std::string(int64_t)> asked) {
    return [this, asked = std::move(asked)](int64_t step) {
      const std::string reason = asked ? asked(step) : "";
      return reason.empty() && !rungs_.goes_on(trial_) ? "pruned" : reason;
    };
  }

 private:
  const SweepSpec& spec_;
  Rungs& rungs_;
  int64_t trial_;
  TrainObserver* next_;
};

}  // namespace nnx
