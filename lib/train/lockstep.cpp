#include "train/lockstep.h"

#include <algorithm>
#include <array>

#include "base/side_by_side.h"

namespace nnx {
namespace {

class Lockstep {
 public:
  Lockstep(std::span<TrainingRun* const> runs, Engine& engine) : runs_(runs), engine_(engine) {
    for (size_t i = 0; i < runs.size(); ++i)
      if (runs[i] && runs[i]->going()) waiting_.push_back(i);
    std::ranges::stable_sort(waiting_, {}, [this](size_t i) { return runs_[i]->step(); });
    kept_ = waiting_.size();
  }

  void train() try {
    while (gather()) step();
  } catch (const Error&) {
    for (const size_t i : left())
      if (runs_[i]->going()) runs_[i]->attempt([] { throw; });
  }

 private:
  // Lets those join who wait where the others have come to; where no others go on, moves on to the first who wait. False when
  // all runs are over.
  bool gather() {
    while (!waiting_.empty() && (joined_.empty() || runs_[waiting_[0]]->step() == runs_[joined_[0]]->step())) {
      if (joined_.empty()) engine_.go_to(runs_[waiting_[0]]->cursor());
      const int64_t here = runs_[waiting_[0]]->step();
      const auto end = std::ranges::find_if(waiting_, [&](size_t i) { return runs_[i]->step() != here; });
      const std::vector<size_t> fresh(waiting_.begin(), end);
      waiting_.erase(waiting_.begin(), end);
      for (const size_t i : fresh) engine_.join(i);
      joined_.insert(joined_.end(), fresh.begin(), fresh.end());
      std::ranges::sort(joined_);
      each([&](TrainingRun& run, size_t i) { run.finish_if_over(measure(i)); });
      drop_ended();
    }
    return !joined_.empty();
  }

  void step() {
    const Cursor at = engine_.cursor();
    const std::span<const StepOutcome> outcomes = engine_.step();
    const Cursor next = engine_.cursor();
    // All before any decides: whether a run goes on may depend on the others' records.
    each([&](TrainingRun& run, size_t i) {
      run.took(outcomes[i], at, next);
      run.after_step(measure(i));
    });
    each([&](TrainingRun& run, size_t) { run.decide(); });
    side_by_side([](const TrainingRun& run) { return run.going() && run.saves(); },
                 [&](TrainingRun& run, size_t i) { run.save([&] { engine_.publish(i); }); });
    each([&](TrainingRun& run, size_t i) { run.finish_if_over(measure(i)); });
    drop_ended();
    keep_going();
  }

  void drop_ended() {
    side_by_side([](const TrainingRun& run) { return !run.going(); }, [](TrainingRun& run, size_t) { run.leave(); });
    std::erase_if(joined_, [this](size_t i) { return !runs_[i]->going(); });
    for (auto& metrics : measured_) metrics.clear();
  }

  // Those that are not over.
  std::vector<size_t> left() const {
    std::vector<size_t> all = joined_;
    all.insert(all.end(), waiting_.begin(), waiting_.end());
    std::ranges::sort(all);
    return all;
  }

  // Once half of them have ended.
  void keep_going() {
    const size_t count = joined_.size() + waiting_.size();
    if (count == 0 || 2 * count > kept_) return;
    kept_ = count;
    engine_.keep(left());
  }

  template <class F> void each(F&& f) {
    for (const size_t i : joined_)
      if (runs_[i]->going()) runs_[i]->attempt([&] { f(*runs_[i], i); });
  }

  // The file work of those that are `due`.
  template <class Due, class F> void side_by_side(Due due, F&& f) {
    std::vector<size_t> chosen;
    for (const size_t i : joined_)
      if (due(*runs_[i])) chosen.push_back(i);
    nnx::side_by_side(chosen.size(), file_threads, [&](size_t k) {
      const size_t i = chosen[k];
      runs_[i]->attempt([&] { f(*runs_[i], i); });
    });
  }

  // What run `i` measures; all are measured together, once between two steps.
  TrainingRun::Evaluate measure(size_t i) {
    return [this, i](HeldOut rows) {
      std::vector<Metrics>& metrics = measured_[static_cast<size_t>(rows)];
      if (metrics.empty()) metrics = engine_.evaluate(rows);
      return metrics[i];
    };
  }

  std::span<TrainingRun* const> runs_;
  Engine& engine_;
  std::vector<size_t> waiting_;   // who stand further on, by their steps
  std::vector<size_t> joined_;    // who go together, ascending
  size_t kept_ = 0;               // how many the engine looks at
  std::array<std::vector<Metrics>, 2> measured_;   // by HeldOut
};

}  // namespace

void train_in_lockstep(std::span<TrainingRun* const> runs, Engine& engine) {
  for (TrainingRun* run : runs)
    if (run) run->tell();
  Lockstep(runs, engine).train();
}

}  // namespace nnx
