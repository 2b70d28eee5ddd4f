// Populations: every run as it would be alone.
#include "train/population.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "help.h"
#include "train/evaluate.h"

using namespace nnx;
using test::read_file;
using test::small_run;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

using Settings = std::vector<std::string>;

// A run that records each step. Pixels are scaled, not centred: behind a BatchNorm the gradient of a feature that is the same,
// and not 0, in all rows of a batch is rounding and nothing else, and adam makes a whole step of it.
Settings every_step(Settings settings) {
  settings.insert(settings.begin(), {"train.log_every=1", "data.normalize.standardize=false", "data.normalize.scale=0.0625"});
  return settings;
}

std::vector<nlohmann::json> records(const fs::path& run, const std::string& split) {
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  std::vector<nlohmann::json> out;
  for (std::string line; std::getline(lines, line);)
    if (nlohmann::json record = nlohmann::json::parse(line); record["split"] == split) out.push_back(std::move(record));
  return out;
}

// The largest relative difference of the training losses of two runs, of their first `count` steps.
double apart(const fs::path& a, const fs::path& b, size_t count) {
  const auto of_a = records(a, "train"), of_b = records(b, "train");
  REQUIRE(of_a.size() >= count);
  REQUIRE(of_b.size() == of_a.size());
  double most = 0;
  for (size_t step = 0; step < count; ++step) {
    const double one = of_a[step]["loss"], other = of_b[step]["loss"];
    most = std::max(most, std::abs(one - other) / other);
    CHECK(of_a[step]["lr"] == of_b[step]["lr"]);
  }
  return most;
}

struct Trained {
  std::vector<RunOutcome> outcomes;
  size_t populations = 0;
};

using Options = std::vector<std::optional<TrainOptions>>;

// Run i of `settings` in <folder>/<name>-i, in as many populations as it takes.
Trained train_together(const TemporaryFolder& folder, const std::string& name, const std::vector<Settings>& settings,
                       const Options& options, int threads = 2) {
  std::vector<Setup> setups;
  for (size_t i = 0; i < settings.size(); ++i) setups.push_back(prepare(small_run(folder, name + "-" + std::to_string(i), settings[i])));
  std::vector<Setup*> all;
  for (Setup& s : setups) all.push_back(&s);
  Trained trained{std::vector<RunOutcome>(settings.size())};
  for (const Population& population : populations_of(all)) {
    ++trained.populations;
    std::vector<Setup*> members;
    Options own;
    for (const size_t i : population.members) {
      members.push_back(all[i]);
      own.push_back(options[i]);
    }
    const std::vector<RunOutcome> outcomes = train_population(members, own, threads);
    for (size_t k = 0; k < outcomes.size(); ++k) trained.outcomes[population.members[k]] = outcomes[k];
  }
  return trained;
}

Trained train_together(const TemporaryFolder& folder, const std::string& name, const std::vector<Settings>& settings,
                       const TrainOptions& options = {}, int threads = 2) {
  return train_together(folder, name, settings, Options(settings.size(), options), threads);
}

// Learning rate, decay, dropout rate, seed (initial values, masks, order of rows): all that may differ.
std::vector<Settings> five_runs() {
  return {every_step({}), every_step({"seed=4"}), every_step({"optimizer.learning_rate.init_value=1e-3"}),
          every_step({"model.layers.dropout.rate=0.5", "seed=5"}), every_step({"optimizer.weight_decay=0.1"})};
}

}  // namespace

TEST_CASE("each run of a population has the losses that it has alone") {
  const TemporaryFolder folder;
  const std::vector<Settings> settings = five_runs();
  const Trained together = train_together(folder, "together", settings);
  CHECK(together.populations == 1);
  for (size_t i = 0; i < settings.size(); ++i) {
    CAPTURE(i);
    const std::string alone = "alone-" + std::to_string(i), member = "together-" + std::to_string(i);
    const Summary summary = run_training(small_run(folder, alone, settings[i]));
    const Summary& got = together.outcomes[i].summary;
    REQUIRE_FALSE(together.outcomes[i].error);
    CHECK(got.status == "completed");
    CHECK(got.steps == summary.steps);
    CHECK(got.epochs == summary.epochs);
    CHECK(std::abs(*got.test->accuracy() - *summary.test->accuracy()) < 0.02);
    CHECK(apart(folder / member, folder / alone, 5) < 1e-5);
    CHECK(apart(folder / member, folder / alone, 50) < 1e-3);
    CHECK(records(folder / member, "validation").size() == records(folder / alone, "validation").size());
    // It is evaluated like any other run.
    const EvalReport report = evaluate_run({.run = folder / member});
    CHECK(report.step == 60);
    CHECK(report.metrics.accuracy() == got.test->accuracy());
  }
}

TEST_CASE("a run of a population does not depend on the others, nor on stops") {
  const TemporaryFolder folder;
  const std::vector<Settings> settings = five_runs();
  train_together(folder, "all", settings);
  train_together(folder, "two", {settings[0], settings[3]}, TrainOptions{}, 1);
  CHECK(apart(folder / "two-0", folder / "all-0", 50) < 1e-3);
  CHECK(apart(folder / "two-1", folder / "all-3", 50) < 1e-3);

  TrainOptions options = test::stop_after(23);
  const Trained stopped = train_together(folder, "stopped", settings, options);
  for (const RunOutcome& outcome : stopped.outcomes) CHECK(outcome.summary.status == "interrupted");
  options = {.resume = "auto"};
  const Trained resumed = train_together(folder, "stopped", settings, options);
  for (size_t i = 0; i < settings.size(); ++i) {
    const std::string file = std::to_string(i) + "/metrics.jsonl";
    CHECK(resumed.outcomes[i].summary.steps == 60);
    CHECK((read_file(folder / ("stopped-" + file)) == read_file(folder / ("all-" + file))));
  }
}

TEST_CASE("runs that stand at different steps are resumed, each from its own") {
  const TemporaryFolder folder;
  const std::vector<Settings> settings{every_step({}), every_step({"seed=4"}), every_step({"seed=5"})};
  train_together(folder, "whole", settings);
  train_together(folder, "apart", {settings[0], settings[1]}, test::stop_after(10));
  train_together(folder, "apart", {settings[0]}, {.resume = "auto", .stop = [](int64_t step) { return std::string(step == 20 ? "SIGTERM" : ""); }});
  const Trained resumed = train_together(folder, "apart", settings, {.resume = "auto"});
  for (size_t i = 0; i < settings.size(); ++i) {
    CHECK(resumed.outcomes[i].summary.status == "completed");
    CHECK(apart(folder / ("apart-" + std::to_string(i)), folder / ("whole-" + std::to_string(i)), 50) < 1e-3);
  }
}

TEST_CASE("runs left at different steps, others at their end, go on to the bits of a population that was not stopped") {
  const TemporaryFolder folder;
  const std::vector<Settings> settings = five_runs();
  train_together(folder, "whole", settings);
  const auto stop_at = [](int64_t last) {
    return TrainOptions{.resume = "auto", .stop = [last](int64_t step) { return std::string(step == last ? "SIGTERM" : ""); }};
  };
  train_together(folder, "apart", settings, Options{stop_at(9), stop_at(20), stop_at(0), stop_at(0), stop_at(0)});
  const Trained resumed = train_together(folder, "apart", settings, Options{stop_at(0), stop_at(0), {}, {}, {}});
  for (size_t i = 0; i < settings.size(); ++i) {
    CAPTURE(i);
    CHECK(resumed.outcomes[i].summary.status == (i < 2 ? "completed" : ""));
    for (const std::string file : {"metrics.jsonl", "checkpoints/step-00000060/params.safetensors", "checkpoints/step-00000060/opt_state.safetensors"}) {
      const std::string name = std::to_string(i) + "/" + file;
      CHECK((read_file(folder / ("apart-" + name)) == read_file(folder / ("whole-" + name))));
    }
  }
}

TEST_CASE("a run that diverges does so alone, and as it would alone") {
  const TemporaryFolder folder;
  const std::vector<Settings> settings{every_step({}), every_step({"optimizer.learning_rate.init_value=1e30"}), every_step({"seed=4"})};
  const Trained together = train_together(folder, "together", settings);
  const test::Caught alone = test::caught([&] { run_training(small_run(folder, "alone", settings[1])); });
  REQUIRE(together.outcomes[1].error);
  CHECK(test::caught([&] { std::rethrow_exception(together.outcomes[1].error); }).text == alone.text);
  CHECK(together.outcomes[1].summary.status == "diverged");
  CHECK(together.outcomes[0].summary.status == "completed");
  train_together(folder, "healthy", {settings[0], settings[2]});
  CHECK(apart(folder / "together-0", folder / "healthy-0", 50) < 1e-3);
  CHECK(apart(folder / "together-2", folder / "healthy-1", 50) < 1e-3);
}

TEST_CASE("when most runs have ended, the others are stacked anew and go on as before") {
  const TemporaryFolder folder;
  const Settings wild = every_step({"optimizer.learning_rate.init_value=1e30"});
  const Trained together = train_together(folder, "together", {wild, every_step({"seed=4"}), wild, wild});
  CHECK(together.outcomes[3].summary.status == "diverged");
  CHECK(together.outcomes[1].summary.status == "completed");
  const Trained one = train_together(folder, "one", {every_step({"seed=4"})});
  CHECK(apart(folder / "together-1", folder / "one-0", 50) < 1e-3);
}

TEST_CASE("runs of different structure are different populations, and it is said why") {
  const TemporaryFolder folder;
  std::vector<Setup> setups;
  const std::vector<Settings> settings{{}, {"seed=1"}, {"data.batch_size=32"}, {"model.layers.linear1.out_features=32", "model.layers.bn.num_features=32",
                                       "model.layers.linear2.in_features=32"}, {"data.batch_size=32", "seed=1"}};
  for (size_t i = 0; i < settings.size(); ++i) setups.push_back(prepare(small_run(folder, std::to_string(i), settings[i])));
  std::vector<Setup*> all;
  for (Setup& s : setups) all.push_back(&s);
  const std::vector<Population> populations = populations_of(all);
  REQUIRE(populations.size() == 3);
  CHECK(populations[0].members == std::vector<size_t>{0, 1});
  CHECK(populations[1].members == std::vector<size_t>{2, 4});
  CHECK(populations[1].differs == "data.batch_size");
  CHECK(populations[2].differs == "'linear1.kernel' of argument 0: Param f32[64,24] -> Param f32[64,32]");
}
