#include "sweep/population_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/side_by_side.h"
#include "sweep/judge.h"
#include "sweep/study.h"
#include "train/population.h"

namespace nnx {
namespace {

// Seconds between checkpoints that no key asks for: an epoch of a small population is shorter than writing its checkpoints.
constexpr double checkpoint_pause = 30;

// The metric of the sweep over a population: one line for each step at which it is recorded.
class Progress final : public TrainObserver {
 public:
  Progress(const SweepSpec& spec, const RunnerOptions& options) : spec_(spec), options_(options) {}
  ~Progress() override { flush(); }

  void warning(const std::string& line) override {
    if (options_.message) options_.message(line);
  }
  void record(const MetricRecord& record, double) override {
    const auto value = value_in(record, spec_.metric);
    if (!value) return;
    if (record.step != step_) flush();
    step_ = record.step;
    epoch_ = record.epoch;
    values_.push_back(*value);
  }

 private:
  void flush() {
    if (values_.empty()) return;
    std::ranges::sort(values_);
    if (spec_.metric.maximize()) std::ranges::reverse(values_);
    if (options_.message)
      options_.message(fmt::format("epoch {:3}  step {:6}  {} of {} trials: best {:.6g}, median {:.6g}", epoch_, step_, spec_.metric.name,
                                   values_.size(), values_.front(), values_[values_.size() / 2]));
    values_.clear();
  }

  const SweepSpec& spec_;
  const RunnerOptions& options_;
  int64_t step_ = -1, epoch_ = 0;
  std::vector<double> values_;
};

// A trial that is to be trained, or has been completed: it is still stacked with the others.
struct Candidate {
  int64_t trial;
  std::unique_ptr<Setup> setup;
  bool completed;
};

class PopulationRunner {
 public:
  PopulationRunner(const SweepDirectory& sweep, const RunnerOptions& options) : sweep_(sweep), options_(options) {}

  SweepOutcome run() {
    record_study(sweep_);   // of workers that were killed before they could
    const std::vector<Candidate> candidates = prepare_all();
    std::vector<Setup*> setups;
    for (const Candidate& c : candidates) setups.push_back(c.setup.get());
    const std::vector<Population> populations = populations_of(setups);
    for (size_t i = 0; i < populations.size() && status_.empty(); ++i) {
      const Population& p = populations[i];
      const size_t all = p.members.size();
      const auto left = static_cast<size_t>(std::ranges::count_if(p.members, [&](size_t m) { return !candidates[m].completed; }));
      if (left == 0) continue;
      say(fmt::format("population {} of {}: {}{} trials{}", i + 1, populations.size(), left == all ? "" : fmt::format("{} of ", left), all,
                      p.differs.empty() ? "" : "; differs from the first in " + p.differs));
      train(p, candidates);
    }
    return outcome_of(sweep_, status_);
  }

 private:
  void say(const std::string& line) const {
    if (options_.message) options_.message(line);
  }

  std::vector<Candidate> prepare_all() {
    std::vector<Candidate> candidates;
    DataCache cache;
    const SweepOutcome outcome = outcome_of(sweep_, "");
    if (outcome.finished == outcome.total) return candidates;
    for (const Trial& trial : sweep_.trials()) {
      const TrialResult result = sweep_.result(trial.number);
      const bool completed = result.status == "completed";
      if ((result.finished() && !completed) || result.status == "running") continue;
      candidates.push_back({trial.number, nullptr, completed});
    }
    std::vector<std::string> errors(candidates.size());
    side_by_side(candidates.size(), threads_of(sweep_.spec()), [&](size_t i) {
      try {
        candidates[i].setup = std::make_unique<Setup>(prepare({.files = {sweep_.config_of(candidates[i].trial).string()}}, &cache));
      } catch (const Error& error) { errors[i] = error.what(); }
    });
    for (size_t i = 0; i < candidates.size(); ++i)
      if (!candidates[i].setup) say(fmt::format("trial {}: {}", trial_name(candidates[i].trial), errors[i]));
    std::erase_if(candidates, [](const Candidate& c) { return !c.setup; });
    return candidates;
  }

  // Not more at a time than `jobs` says.
  void train(const Population& population, const std::vector<Candidate>& candidates) {
    const size_t all = population.members.size();
    const size_t most = options_.jobs > 0 ? static_cast<size_t>(options_.jobs) : static_cast<size_t>(sweep_.spec().jobs.value_or(max_trials));
    for (size_t first = 0; first < all && status_.empty(); first += most)
      train_some(std::span(population.members).subspan(first, std::min(most, all - first)), candidates);
  }

  void train_some(std::span<const size_t> members, const std::vector<Candidate>& candidates) {
    std::vector<Setup*> setups;
    std::vector<int64_t> trials;   // to be trained
    for (const size_t i : members) {
      setups.push_back(candidates[i].setup.get());
      if (!candidates[i].completed) trials.push_back(candidates[i].trial);
    }
    if (trials.empty()) return;
    std::optional<Progress> progress(std::in_place, sweep_.spec(), options_);
    Rungs rungs(sweep_, trials);
    std::vector<std::unique_ptr<Judge>> judges;
    std::vector<std::optional<TrainOptions>> options;
    // One answer for all at a step, so that they are stopped at the same one.
    int64_t asked_at = -1;
    std::string answer;
    const auto stop = [&](int64_t step) {
      if (step != asked_at) answer = options_.stop ? options_.stop() : "";
      asked_at = step;
      return answer;
    };
    for (const size_t i : members) {
      std::optional<TrainOptions>& own = options.emplace_back();
      if (candidates[i].completed) continue;
      judges.push_back(std::make_unique<Judge>(sweep_.spec(), rungs, candidates[i].trial, &*progress));
      own = TrainOptions{.resume = "auto",
                         .argv = options_.argv,
                         .observer = judges.back().get(),
                         .checkpoint_pause = checkpoint_pause,
                         .stop = judges.back()->stop(stop)};
    }
    const std::vector<RunOutcome> outcomes = train_population(setups, options, threads_of(sweep_.spec()));
    progress.reset();
    record_study(sweep_, trials);
    for (size_t i = 0; i < members.size(); ++i)
      if (options[i]) report(candidates[members[i]].trial, outcomes[i]);
    if (options_.stop && !options_.stop().empty()) status_ = "interrupted";
  }

  void report(int64_t number, const RunOutcome& outcome) {
    const TrialResult result = sweep_.result(number);
    const std::string value = result.value ? fmt::format(" {} {:.6g}", sweep_.spec().metric.name, *result.value) : "";
    say(fmt::format("trial {} {}{}  {}", trial_name(number), result.status, value, sweep_.trials()[static_cast<size_t>(number)].point_text()));
    if (!outcome.error) return;
    try {
      std::rethrow_exception(outcome.error);
    } catch (const Error& error) {
      say(fmt::format("trial {}: {}", trial_name(number), error.what()));
      if (error.kind() != ErrorKind::busy && sweep_.spec().on_failure == OnFailure::stop && status_.empty()) status_ = "stopped";
    }
  }

  const SweepDirectory& sweep_;
  const RunnerOptions& options_;
  std::string status_;
};

}  // namespace

SweepOutcome run_populations(const SweepDirectory& sweep, const RunnerOptions& options) { return PopulationRunner(sweep, options).run(); }

}  // namespace nnx
