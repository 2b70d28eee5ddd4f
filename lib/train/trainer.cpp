#include "train/trainer.h"

#include <array>

#include "train/evaluate.h"
#include "train/lockstep.h"

namespace nnx {
namespace {

// One run: its Setup's own model and optimizer, batches read ahead.
class SingleEngine final : public Engine {
 public:
  explicit SingleEngine(Setup& setup)
      : setup_(setup),
        loader_(setup.data.train, setup.config.data.loader, static_cast<uint64_t>(setup.config.seed)),
        step_(setup.model, setup.optimizer, setup.objective, setup.feed, setup.config.train.precision) {}

  void go_to(Cursor at) override { loader_.set_cursor(at); }
  Cursor cursor() const override { return loader_.cursor(); }

  void join(size_t) override {}

  std::span<const StepOutcome> step() override {
    const Batch batch = loader_.next();
    const BatchArrays arrays = arrays_of(batch, loader_.data());
    try {
      outcome_[0].result = step_(arrays.x, arrays.y);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::numeric) throw;
      outcome_[0].not_finite = error.what();
    }
    return outcome_;
  }

  std::vector<Metrics> evaluate(HeldOut rows) override {
    std::optional<Evaluation>& evaluation = rows == HeldOut::validation ? validation_ : test_;
    const Dataset& data = rows == HeldOut::validation ? *setup_.data.validation : *setup_.data.test;
    if (!evaluation) evaluation.emplace(setup_.model, setup_.objective, data, setup_.config.data.loader.batch_size, setup_.feed, setup_.config.train.precision);
    return {(*evaluation)()};
  }

  void publish(size_t) override {}
  void keep(const std::vector<size_t>&) override {}

 private:
  Setup& setup_;
  Loader loader_;
  TrainStep step_;
  std::optional<Evaluation> validation_, test_;
  std::array<StepOutcome, 1> outcome_;
};

}  // namespace

Summary run_training(const TrainSource& source, const TrainOptions& options) {
  Setup setup = prepare(source);
  TrainingRun run(setup, options);
  SingleEngine engine(setup);
  run.attempt([&] { run.begin(); });
  train_in_lockstep(std::array{&run}, engine);
  if (run.error()) std::rethrow_exception(run.error());
  return run.summary();
}

}  // namespace nnx
