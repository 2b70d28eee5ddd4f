#include "train/lockstep.h"

#include <algorithm>
#include <array>

namespace nnx {
namespace {

class Lockstep {
 public:
  Lockstep(std::span<TrainingRun* const> runs, Engine& engine) : runs_(runs), engine_(engine) {}

  void train() try {
    const auto first = std::ranges::find_if(runs_, &TrainingRun::going);
    if (first == runs_.end()) return;
    engine_.begin((*first)->cursor());
    each([&](TrainingRun& run, size_t i) { run.finish_if_done(measure(i)); });
    while (std::ranges::any_of(runs_, &TrainingRun::going)) step();
  } catch (const Error&) {
    each([](TrainingRun&, size_t) { throw; });
  }

 private:
  void step() {
    const Cursor at = engine_.cursor();
    const std::span<const StepOutcome> outcomes = engine_.step();
    const Cursor next = engine_.cursor();
    for (auto& metrics : measured_) metrics.clear();
    // All before any settles: whether a run goes on may depend on the others' records.
    each([&](TrainingRun& run, size_t i) {
      run.took(outcomes[i], at, next);
      run.after_step(measure(i));
    });
    each([&](TrainingRun& run, size_t i) { run.settle([&] { engine_.publish(i); }, measure(i)); });
    keep_going();
  }

  void keep_going() {
    const auto count = static_cast<size_t>(std::ranges::count_if(runs_, &TrainingRun::going));
    if (count == kept_ || count == 0) return;
    kept_ = count;
    std::vector<size_t> going;
    for (size_t i = 0; i < runs_.size(); ++i)
      if (runs_[i]->going()) going.push_back(i);
    engine_.keep(going);
  }

  template <class F> void each(F&& f) {
    for (size_t i = 0; i < runs_.size(); ++i)
      if (runs_[i]->going()) runs_[i]->attempt([&] { f(*runs_[i], i); });
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
  size_t kept_ = runs_.size();
  std::array<std::vector<Metrics>, 2> measured_;   // by HeldOut
};

}  // namespace

void train_in_lockstep(std::span<TrainingRun* const> runs, Engine& engine) {
  Lockstep(runs, engine).train();
}

}  // namespace nnx
