// Sweeps whose trials are trained as populations.
#include "sweep/population_runner.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/errors.h"
#include "sweep/digits.h"
#include "sweep/emit.h"
#include "sweep/leaderboard.h"
#include "sweep/run_trial.h"
#include "sweep/study.h"
#include "train/help.h"

using namespace nnx;
using nnx::test::error_of;
using nnx::test::read_file;
using nnx::test::TemporaryFolder;

namespace {

SweepSpec digits_population(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "model.dmid=16");
  SweepSpec spec = nnx::test::digits_spec(arguments);
  spec.population = true;
  spec.threads = 2;
  return spec;
}

}  // namespace

TEST_CASE("the trials of a population are ordinary trials") {
  const TemporaryFolder folder;
  const SweepSpec spec = digits_population({"train.epochs=2", "optimizer.learning_rate.init_value=1e-5,1e-2", "seed=0,1", "model.dmid=8,16"});
  const SweepDirectory sweep = SweepDirectory::plan(spec, folder / "sweep");
  std::vector<std::string> said;
  const RunnerOptions options{.message = [&](const std::string& line) { said.push_back(line); }};
  const SweepOutcome outcome = run_populations(sweep, options);
  CHECK(outcome.status == "completed");
  CHECK(outcome.finished == 8);
  REQUIRE(said.size() > 2);
  CHECK(said[0] == "population 1 of 2: 4 trials");
  CHECK(said[1].find("epoch   1  step     20  validation.loss of 4 trials: best ") == 0);

  const Leaderboard board = leaderboard(sweep);
  REQUIRE(board.best_trial);
  CHECK(sweep.trials()[static_cast<size_t>(*board.best_trial)].point_text().find("1e-2") != std::string::npos);
  CHECK(record_study(sweep) == 0);   // all on record
  CHECK(run_trial(sweep, 0, {}).status == "completed");   // and none is run again
  const std::string metrics = read_file(sweep.run_of(5) / "metrics.jsonl");
  run_populations(sweep, {});
  CHECK(read_file(sweep.run_of(5) / "metrics.jsonl") == metrics);

  // Its frozen config is the same run, up to rounding. (Not so its validation: the gradient of the bias before the batch norm
  // is 0 but for rounding, and adam makes whole steps of it, which the running mean follows late.)
  const Summary alone = run_training({.files = {sweep.config_of(5).string()}, .arguments = {std::string("output_dir=") + (folder / "alone")}});
  const auto summary = nlohmann::json::parse(read_file(sweep.run_of(5) / "summary.json"));
  CHECK(summary["train"]["loss"].get<double>() == doctest::Approx(alone.train->loss()).epsilon(1e-5));
}

TEST_CASE("a population that was stopped goes on, and each trial is there once") {
  const TemporaryFolder folder;
  const SweepSpec spec = digits_population({"train.epochs=2", "seed=0,1,2"});
  const SweepDirectory whole = SweepDirectory::plan(spec, folder / "whole"), sweep = SweepDirectory::plan(spec, folder / "sweep");
  run_populations(whole, {});
  int asked = 0;
  const SweepOutcome stopped = run_populations(sweep, {.stop = [&] { return std::string(++asked > 15 ? "SIGTERM" : ""); }});
  CHECK(stopped.status == "interrupted");
  CHECK(stopped.finished == 0);
  CHECK(sweep.result(1).status == "stopped");
  CHECK(run_populations(sweep, {}).status == "completed");
  for (const Trial& trial : sweep.trials())
    CHECK((read_file(sweep.run_of(trial.number) / "metrics.jsonl") == read_file(whole.run_of(trial.number) / "metrics.jsonl")));
}

TEST_CASE("at each rung the best third of a population goes on") {
  const TemporaryFolder folder;
  SweepSpec spec = digits_population({"train.epochs=4", "optimizer.learning_rate.init_value=1e-5,2e-5,1e-2,3e-5,4e-5,5e-3"});
  spec.early_terminate = EarlyTerminate{};
  const SweepDirectory sweep = SweepDirectory::plan(spec, folder / "sweep");
  CHECK(run_populations(sweep, {}).status == "completed");
  int64_t completed = 0;
  for (const Trial& trial : sweep.trials()) {
    const TrialResult result = sweep.result(trial.number);
    const bool fast = trial.number == 2 || trial.number == 5;
    CHECK(result.epochs >= (fast ? 3 : 1));
    CHECK((result.status == "pruned") == (result.epochs < 4));
    completed += result.status == "completed";
  }
  CHECK(completed == 1);
}

TEST_CASE("what a population cannot be") {
  SweepSpec spec = digits_population({"seed=0,1"});
  const TemporaryFolder folder;
  const SweepDirectory sweep = SweepDirectory::plan(spec, folder / "sweep");
  CHECK(error_of([&] { emit_sweep(sweep, "slurm", "nnx-train"); }) ==
        "--emit: one process trains a population, and an engine would run each trial by itself; leave population out");
  spec.method = SweepMethod::tpe;
  spec.run_cap = 3;
  CHECK(error_of([&] { check_sweep(spec); }).find("population: method tpe chooses a trial when others have finished") != std::string::npos);
}
