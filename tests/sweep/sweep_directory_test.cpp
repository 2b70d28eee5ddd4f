// A sweep from its plan to its leaderboard, trials run in this process.
#include "sweep/sweep_directory.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sweep/emit.h"
#include "sweep/leaderboard.h"
#include "sweep/run_trial.h"
#include "sweep/study.h"
#include "support/errors.h"
#include "sweep/digits.h"
#include "train/help.h"

using namespace nnx;
using nnx::test::error_of;
using nnx::test::read_file;
using nnx::test::TemporaryFolder;

namespace {

SweepSpec digits_sweep(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "train.epochs=1");
  return nnx::test::digits_spec(arguments);
}

std::vector<nlohmann::json> journal(const SweepDirectory& sweep) {
  std::ifstream in(sweep.path() / "study.journal");
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("plan, run, record, compare") {
  const TemporaryFolder folder;
  const SweepDirectory planned = SweepDirectory::plan(digits_sweep({"optimizer.learning_rate=1e-5,1e-2"}), folder / "sweep");
  CHECK(planned.result(0).status == "planned");
  CHECK(error_of([&] { SweepDirectory::plan(digits_sweep({"seed=0,1"}), folder / "sweep"); }).find("holds a sweep already") != std::string::npos);

  const SweepDirectory sweep(folder / "sweep");   // as another process sees it
  REQUIRE(sweep.trials().size() == 2);
  CHECK(sweep.trials()[1].point_text() == planned.trials()[1].point_text());
  for (const Trial& trial : sweep.trials()) CHECK(run_trial(sweep, trial.number, {}).status == "completed");
  const std::string metrics = read_file(sweep.run_of(1) / "metrics.jsonl");
  CHECK(run_trial(sweep, 1, {}).status == "completed");   // and is not run again
  CHECK(read_file(sweep.run_of(1) / "metrics.jsonl") == metrics);

  // The frozen config alone is the same run.
  run_training({.files = {sweep.config_of(1).string()}, .arguments = {std::string("output_dir=") + (folder / "alone")}});
  CHECK(read_file(folder / "alone/metrics.jsonl") == metrics);

  CHECK(record_study(sweep) == 2);
  CHECK(record_study(sweep) == 0);
  const std::vector<nlohmann::json> lines = journal(sweep);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["directions"][0] == 1);
  CHECK(lines[1]["value"].get<double>() == *sweep.result(0).value);
  CHECK(lines[1]["params"]["optimizer.learning_rate"] == 0);   // the index of a listed value

  const Leaderboard board = leaderboard(sweep);
  CHECK(board.best_trial == 1);   // a learning rate of 1e-5 learns nothing in one epoch
  CHECK(board.rows[0].point[0].value == "1e-2");
  CHECK(to_csv(board).starts_with("rank,trial,status,validation.loss,deviation,scored,optimizer.learning_rate,epochs,seconds,reason\n1,0001,completed,"));
  CHECK(nlohmann::json::parse(to_json(board))["best"]["trial"] == 1);
}

TEST_CASE("a line of the journal that a kill cut off is taken away") {
  const TemporaryFolder folder;
  const SweepDirectory sweep = SweepDirectory::plan(digits_sweep({"seed=0,1"}), folder / "sweep");
  run_trial(sweep, 0, {});
  record_study(sweep);
  std::ofstream(sweep.path() / "study.journal", std::ios::app) << "{\"op_code\":4,\"user_attrs\":{\"nnx:tri";
  run_trial(sweep, 1, {});
  CHECK(record_study(sweep) == 1);
  CHECK(journal(sweep).size() == 3);
}

TEST_CASE("a trial that diverges is a failure with its reason, and has no place among the best") {
  const TemporaryFolder folder;
  SweepSpec spec = digits_sweep({"optimizer=sgd", "optimizer.learning_rate=1e30,1e-2"});
  const SweepDirectory sweep = SweepDirectory::plan(spec, folder / "sweep");
  CHECK_THROWS(run_trial(sweep, 0, {}));
  run_trial(sweep, 1, {});
  CHECK(sweep.result(0).failed());
  CHECK(record_study(sweep) == 2);
  CHECK(journal(sweep)[1]["state"] == 3);
  const Leaderboard board = leaderboard(sweep);
  CHECK(board.best_trial == 1);
  CHECK_FALSE(board.rows[1].mean);
  CHECK_FALSE(board.rows[1].reason.empty());
}

TEST_CASE("repetitions of a point are one row with mean and deviation") {
  const TemporaryFolder folder;
  SweepSpec spec = digits_sweep({"optimizer.learning_rate=1e-3,1e-2"});
  Diagnostics diagnostics;
  spec.repeats = read<decltype(spec.repeats)>(parse_yaml("seed: [0, 1]", "test"), diagnostics);
  const SweepDirectory sweep = SweepDirectory::plan(spec, folder / "sweep");
  for (const Trial& trial : sweep.trials()) run_trial(sweep, trial.number, {});
  const Leaderboard board = leaderboard(sweep);
  REQUIRE(board.rows.size() == 2);
  CHECK(board.rows[0].trials == std::vector<int64_t>{2, 3});
  const double a = *sweep.result(2).value, b = *sweep.result(3).value;
  CHECK(*board.rows[0].mean == doctest::Approx((a + b) / 2));
  CHECK(board.rows[0].deviation == doctest::Approx(std::abs(a - b) / std::sqrt(2.0)));
  CHECK(read_file(sweep.config_of(3)).find("seed: 1") != std::string::npos);
}

TEST_CASE("a trial that falls behind is pruned and keeps a checkpoint") {
  const TemporaryFolder folder;
  SweepSpec spec = digits_sweep({"optimizer.learning_rate=1e-2,1e-6", "train.epochs=4"});
  spec.early_terminate = EarlyTerminate{.min_epochs = 1, .eta = 2};
  const SweepDirectory sweep = SweepDirectory::plan(spec, folder / "sweep");
  CHECK(run_trial(sweep, 0, {}).status == "completed");
  const TrialResult pruned = run_trial(sweep, 1, {});
  CHECK(pruned.status == "pruned");
  CHECK(pruned.by_epoch.size() == 1);
  record_study(sweep);
  CHECK(journal(sweep)[2]["state"] == 2);
}

TEST_CASE("problems of a trial's config name the trial, before anything runs") {
  const TemporaryFolder folder;
  const std::string error = error_of([&] { SweepDirectory::plan(digits_sweep({"data.batch_size=32,-1"}), folder / "sweep"); });
  CHECK(error.starts_with("trial 0001 (data.batch_size=-1): argument 'data.batch_size=-1'"));
  CHECK(error_of([&] { SweepDirectory(folder / "sweep"); }).find("is no sweep") != std::string::npos);
  SweepSpec spec = digits_sweep({"seed=0,1"});
  std::erase_if(spec.settings, [](const auto& s) { return s.first == "data.validation"; });
  CHECK(error_of([&] { SweepDirectory::plan(spec, folder / "other"); }) ==
        "sweep: metric.name: the sweep goes by validation.loss, and the config has no data.validation; add data.validation=0.1, or choose another metric");
}

TEST_CASE("a plan becomes a script of another engine") {
  const TemporaryFolder folder;
  SweepSpec spec = digits_sweep({"seed=range(0,3)"});
  spec.jobs = 2;
  const SweepDirectory sweep = SweepDirectory::plan(spec, folder / "my sweep");
  const std::string path = folder / "my sweep";
  CHECK(emit_sweep(sweep, "parallel", "nnx-train") ==
        "parallel --joblog '" + path + "/joblog.tsv' --resume-failed -j 2 nnx-train sweep run-one '" + path + "' --index ::: $(seq 0 3)\n");
  CHECK(emit_sweep(sweep, "slurm", "nnx-train").find("#SBATCH --array=0-3\n") != std::string::npos);
  CHECK(error_of([&] { emit_sweep(sweep, "pbs", "nnx-train"); }) == "--emit: expected slurm or parallel, got 'pbs'");
}
