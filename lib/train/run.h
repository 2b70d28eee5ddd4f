// A TrainingRun is a run without its computing: the directory, the progress, what is recorded, saved and left behind.
// Whoever computes the steps (train/engine.h) tells it their outcomes; Runs in lockstep know nothing of each other.
//
//   TrainingRun run(setup, options);
//   run.attempt([&] { run.begin(); });
//   while (run.going()) run.attempt([&] {
//     run.took(outcome, at, next);                  // one step
//     run.after_step(evaluate);                     // records, validation, early stopping
//     run.decide();                                 // whether it stops here
//     if (run.saves()) run.save(publish);           // the checkpoint
//     run.finish_if_over(evaluate);                 // the last evaluation
//   });
//   run.attempt([&] { run.leave(); });              // the summary
//   run.summary();
//
// An error ends the run with a summary that says so, and nothing else. Runs begin, save and leave side by side: what that takes
// is theirs alone.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <optional>

#include "checkpoint/checkpoint.h"
#include "train/engine.h"
#include "train/environment.h"
#include "train/log.h"
#include "train/run_directory.h"
#include "train/trainer.h"

namespace nnx {

class TrainingRun {
 public:
  using Evaluate = std::function<Metrics(HeldOut)>;
  using Publish = std::function<void()>;   // puts the state of now into the model and the optimizer of the Setup

  // Locks the directory. Throws what RunDirectory does. Setup and options outlive the TrainingRun.
  TrainingRun(Setup& setup, const TrainOptions& options);

  // Calls `f` and takes an Error of it for the end of the run.
  template <class F> void attempt(F&& f) try { f(); } catch (const Error& error) { failed(error); }

  // Afresh, or from a checkpoint, whose values go into the model and the optimizer of the Setup.
  void begin();
  bool going() const { return begun_ && !over_; }
  Cursor cursor() const { return p_.cursor; }   // of the next batch
  int64_t step() const { return p_.step; }

  // The outcome of the step on the batch at `at`; `next` comes after it. Throws ErrorKind::numeric for one that is not
  // finite.
  void took(const StepOutcome& outcome, Cursor at, Cursor next);
  void after_step(const Evaluate& evaluate);
  void decide();
  bool saves() const { return save_due_ || hold_best_; }
  void save(const Publish& publish);
  // All steps may be done before the first, as for a finished run that is resumed.
  void finish_if_over(const Evaluate& evaluate);
  void leave();

  void tell() { log_.tell(); }   // the observer, what there was to say at the beginning
  const Summary& summary() const { return summary_; }        // once it is over
  std::exception_ptr error() const { return error_; }        // of a run that ended with one

 private:
  const LoopConfig& loop() const { return setup_.config.train; }

  void failed(const Error& error);
  void begin_fresh();
  std::optional<Checkpoint> find_checkpoint();
  void go_on(const Checkpoint& checkpoint);

  bool done() const { return p_.step >= setup_.total_steps || p_.stopped_early; }
  bool due(const std::optional<int64_t>& every) const;
  bool validate(int64_t epoch, const Evaluate& evaluate);  // whether it is the best so far
  void record(const char* split, const Metrics& metrics, int64_t epoch, bool of_training);
  void record_training(int64_t epoch);
  bool puts_off() const;   // a checkpoint, see TrainOptions::checkpoint_pause
  Checkpoint checkpoint() const;
  void write_checkpoint();
  Summary summarize(std::string status, std::string reason) const;
  void finish(const Evaluate& evaluate);
  void end(Summary summary);

  Setup& setup_;
  const TrainOptions& options_;
  RunDirectory directory_;
  Log log_;
  RunEnvironment environment_;
  std::optional<CheckpointStore> store_;
  std::optional<LineFile> metrics_, timings_;
  TrainProgress p_;
  int64_t epoch_ = 0;      // of the last step, from 1
  int64_t saved_at_ = -1;  // the step of the last checkpoint
  std::string stop_;       // why it stops before it is done
  bool save_due_ = false;
  bool hold_best_ = false;            // this step is the best so far, and its checkpoint was put off
  std::optional<Checkpoint> held_;    // the best, until the next checkpoint is written
  bool begun_ = false;     // before that the summary in the directory is another run's
  bool over_ = false;
  Summary summary_;
  std::exception_ptr error_;
  std::chrono::steady_clock::time_point since_record_, since_save_;
};

}  // namespace nnx
