// Whole runs, in this process: they learn, they stop and go on without a trace, and what goes wrong leaves them whole.
#include "train/trainer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <cmath>
#include <cstdlib>
#include <map>

#include "checkpoint/checkpoint.h"
#include "help.h"
#include "support/paths.h"
#include "train/evaluate.h"

using namespace nnx;
using test::caught;
using test::read_file;
using test::small_run;
using test::stop_after;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

// What must not depend on stops: metrics, and every file of a checkpoint but the manifest with the run's id.
std::map<std::string, std::string> numbers_of(const fs::path& run, const std::string& step) {
  std::map<std::string, std::string> files{{"metrics.jsonl", read_file(run / "metrics.jsonl")}};
  for (const auto& entry : fs::directory_iterator(run / "checkpoints" / step))
    if (entry.path().filename() != "MANIFEST.json") files[entry.path().filename().string()] = read_file(entry.path());
  return files;
}

std::vector<nlohmann::json> records(const fs::path& run) {
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  std::vector<nlohmann::json> out;
  for (std::string line; std::getline(lines, line);) out.push_back(nlohmann::json::parse(line));
  return out;
}

TrainOptions resume(std::string how) { return {.resume = std::move(how)}; }

}  // namespace

TEST_CASE("stopped after any of the steps 1 to 60 and resumed, a run leaves the same bytes") {
  const TemporaryFolder folder;
  const Summary whole = run_training(small_run(folder, "whole"));
  CHECK(whole.status == "completed");
  CHECK(whole.steps == 60);
  const auto expected = numbers_of(folder / "whole", "step-00000060");
  REQUIRE(expected.size() == 6);
  for (const char* name : {"params.safetensors", "batch_stats.safetensors", "rng.safetensors", "opt_state.safetensors"})
    REQUIRE(expected.contains(name));
  for (int64_t step = 1; step <= 60; ++step) {
    CAPTURE(step);
    const std::string run = "stopped-" + std::to_string(step);
    const Summary stopped = run_training(small_run(folder, run), stop_after(step));
    REQUIRE(stopped.status == (step < 60 ? "interrupted" : "completed"));
    REQUIRE(stopped.steps == step);
    const Summary resumed = run_training(small_run(folder, run), resume("auto"));
    REQUIRE(resumed.status == "completed");
    REQUIRE(resumed.test->loss() == whole.test->loss());
    const auto got = numbers_of(folder / run, "step-00000060");
    REQUIRE(got.size() == expected.size());
    for (const auto& [name, bytes] : expected) {
      CAPTURE(name);
      REQUIRE((got.at(name) == bytes));
    }
    fs::remove_all(folder / run);
  }
}

TEST_CASE("a run that is stopped again and again leaves the same bytes") {
  const TemporaryFolder folder;
  run_training(small_run(folder, "whole"));
  for (const int64_t step : {4, 5, 18, 37}) {
    TrainOptions options = stop_after(step);
    options.resume = "auto";
    REQUIRE(run_training(small_run(folder, "often"), options).steps == step);
  }
  run_training(small_run(folder, "often"), resume("last"));
  CHECK((numbers_of(folder / "often", "step-00000060") == numbers_of(folder / "whole", "step-00000060")));
}

TEST_CASE("a scan over rematerialised layers leaves the same bytes, however it was stopped") {
  const TemporaryFolder folder;
  const auto source = [&](const char* run) {
    return TrainSource{.files = {nnx::test::source_dir() + "/configs/scan_mlp.yaml"},
                       .arguments = {"train.epochs=null", "train.max_steps=12", "train.checkpoint_every=1000",
                                     "data.folder=" + nnx::test::source_dir(), "output_dir=" + (folder / run)}};
  };
  run_training(source("whole"));
  TrainOptions options = stop_after(5);
  options.resume = "auto";
  REQUIRE(run_training(source("stopped"), options).steps == 5);
  run_training(source("stopped"), resume("auto"));
  CHECK((numbers_of(folder / "stopped", "step-00000012") == numbers_of(folder / "whole", "step-00000012")));
}

TEST_CASE("in bf16-mixed a run leaves the same bytes, however it was stopped, and others than in 32-true") {
  const TemporaryFolder folder;
  const auto source = [&](const char* run, std::string precision) {
    return TrainSource{.files = {nnx::test::source_dir() + "/configs/mlp.yaml"},
                       .arguments = {"train.epochs=null", "train.max_steps=20", "train.checkpoint_every=1000",
                                     "train.precision=" + precision, "data.folder=" + nnx::test::source_dir(),
                                     "output_dir=" + (folder / run)}};
  };
  const Summary whole = run_training(source("whole", "bf16-mixed"));
  CHECK(whole.steps == 20);
  TrainOptions options = stop_after(7);
  options.resume = "auto";
  REQUIRE(run_training(source("stopped", "bf16-mixed"), options).steps == 7);
  const test::Caught changed = caught([&] { run_training(source("stopped", "32-true"), resume("auto")); });
  CHECK(changed.code == 78);
  CHECK(changed.text.find("train.precision: is not what the run in") != std::string::npos);
  run_training(source("stopped", "bf16-mixed"), resume("auto"));
  const auto expected = numbers_of(folder / "whole", "step-00000020");
  CHECK((numbers_of(folder / "stopped", "step-00000020") == expected));

  // The config that it leaves, and so eval, knows the precision.
  CHECK(evaluate_run({.run = folder / "whole"}).metrics.loss() == whole.test->loss());
  CHECK(read_file(folder / "whole/config.yaml").find("precision: bf16-mixed") != std::string::npos);
  CHECK(read_file(folder / "whole/checkpoints/step-00000020/MANIFEST.json").find("bf16-mixed") != std::string::npos);

  const Summary full = run_training(source("full", "32-true"));
  CHECK(full.test->loss() != whole.test->loss());
  CHECK(full.test->loss() == doctest::Approx(whole.test->loss()).epsilon(0.02));
}

TEST_CASE("the config that a run leaves gives the same run again") {
  const TemporaryFolder folder;
  run_training(small_run(folder, "first"));
  run_training({.files = {folder / "first/config.yaml"}, .arguments = {"output_dir=" + (folder / "second")}});
  CHECK((numbers_of(folder / "second", "step-00000060") == numbers_of(folder / "first", "step-00000060")));
  // Its own echo is the same but for the directory.
  std::string first = read_file(folder / "first/config.yaml"), second = read_file(folder / "second/config.yaml");
  CHECK(first.substr(0, first.find("output_dir:")) == second.substr(0, second.find("output_dir:")));
}

TEST_CASE("going back to an older checkpoint repeats what followed") {
  const TemporaryFolder folder;
  run_training(small_run(folder, "run", {"train.checkpoint_every=20"}));
  const auto expected = numbers_of(folder / "run", "step-00000060");
  const std::string back = folder / "run/checkpoints/step-00000020";
  run_training(small_run(folder, "run", {"train.checkpoint_every=20"}), resume(back));
  CHECK((numbers_of(folder / "run", "step-00000060") == expected));
  const test::Caught other = caught([&] { run_training(small_run(folder, "run"), resume(folder / "elsewhere")); });
  CHECK(other.code == 66);
}

TEST_CASE("when a run is resumed and when it is not") {
  const TemporaryFolder folder;
  const test::Caught nothing = caught([&] { run_training(small_run(folder, "run"), resume("last")); });
  CHECK(nothing.code == 66);
  CHECK(nothing.text == (folder / "run") + ": has no checkpoint to resume from; --resume auto starts afresh then");
  CHECK(run_training(small_run(folder, "run", {"train.max_steps=10"}), resume("auto")).steps == 10);

  const test::Caught again = caught([&] { run_training(small_run(folder, "run")); });
  CHECK(again.code == 73);
  CHECK(again.text ==
        (folder / "run") +
            ": holds a run already, at step 10; --resume auto goes on with it, output_dir=DIR starts another one");

  const test::Caught changed =
      caught([&] { run_training(small_run(folder, "run", {"model.layers.dropout.rate=0.3"}), resume("auto")); });
  CHECK(changed.code == 78);
  CHECK(changed.text.find("model.layers.dropout.rate: is not what the run in") != std::string::npos);

  CHECK(run_training(small_run(folder, "run", {"train.max_steps=12"}), resume("auto")).steps == 12);
  // A finished run is resumed to its end.
  CHECK(run_training(small_run(folder, "run", {"train.max_steps=12"}), resume("auto")).status == "completed");

  test::write_file(folder / "config.yaml", "mine: true\n");
  const test::Caught foreign = caught([&] { run_training(small_run(folder, ".")); });
  CHECK(foreign.code == 73);
  CHECK(read_file(folder / "config.yaml") == "mine: true\n");
}

TEST_CASE("data that has changed since the run began is noticed") {
  const TemporaryFolder folder;
  const std::string data = folder / "rows.csv";
  fs::copy_file(nnx::test::source_dir() + "/data/digits-test.csv", data);
  const std::vector<std::string> more{"data.train.path=" + data, "train.max_steps=5"};
  run_training(small_run(folder, "run", more));
  std::string text = read_file(data);
  text[text.size() - 2] = text[text.size() - 2] == '0' ? '1' : '0';  // the last label
  test::write_file(data, text);
  const test::Caught error = caught([&] { run_training(small_run(folder, "run", more), resume("auto")); });
  CHECK(error.code == 65);
  CHECK(error.text.starts_with(data + ": is not the file that the run began with"));
}

TEST_CASE("a step that is not finite names itself and its tensor, and changes nothing") {
  const TemporaryFolder folder;
  const test::Caught error = caught([&] {
    run_training(small_run(folder, "run", {"optimizer={type: sgd, learning_rate: 1e30}", "train.max_steps=20"}));
  });
  CHECK(error.code == 70);
  CHECK(
      error.text.starts_with("step 2: loss: expected finite values, got a NaN or infinity; nothing was updated; the "
                             "last checkpoint is step 0."));
  const auto summary = nlohmann::json::parse(read_file(folder / "run/summary.json"));
  CHECK(summary.at("status") == "diverged");
  CHECK(summary.at("steps") == 1);
  // The checkpoint of the start is whole, and the run can be evaluated.
  CHECK(evaluate_run({.run = folder / "run"}).step == 0);
}

TEST_CASE("values that overflow stop the step before parameters, statistics, keys and moments are written") {
  const TemporaryFolder folder;
  Setup setup = prepare(small_run(folder, "run"));
  const TrainStep step(setup.model, setup.optimizer, setup.objective);
  Loader loader(setup.data.train, setup.config.data.loader, 3);
  BatchArrays batch = arrays_of(loader.next(), loader.data());
  step(batch.x, batch.y);
  const auto bytes = [&] {
    std::map<std::string, std::string> out;
    for (const State& s : {state(setup.model), state(setup.optimizer, of<OptState>)})
      for (const auto& [path, leaf] : s)
        out[to_string(path)] = std::string(leaf.value.buffer()->as<char>(), leaf.value.type().bytes());
    return out;
  };
  const auto before = bytes();
  CHECK(before.size() >= 15);
  std::vector<float> x = batch.x.to_vector<float>();
  x[5] = std::numeric_limits<float>::quiet_NaN();
  const test::Caught error = caught([&] { step(array<float>(x, batch.x.shape()), batch.y); });
  CHECK(error.code == 70);
  CHECK(error.text == "loss: expected finite values, got a NaN or infinity");
  CHECK((bytes() == before));
  CHECK(step(batch.x, batch.y).loss() > 0);
  CHECK_FALSE((bytes() == before));
}

TEST_CASE("early stopping keeps the best, says why it stopped, and survives a resume") {
  const TemporaryFolder folder;
  const std::vector<std::string> more{"optimizer={type: sgd, learning_rate: 0}", "train.max_steps=200",
                                      "train.eval_every=5",
                                      "train.early_stop={metric: accuracy, patience: 3, min_delta: 0.5}"};
  const Summary s = run_training(small_run(folder, "run", more));
  CHECK(s.status == "early_stopped");
  CHECK(s.steps == 20);  // the first validation is the best, three more are not
  CHECK(s.best->step == 5);
  CHECK(CheckpointStore(folder / "run", "", {.read_only = true}).best() == 5);

  run_training(small_run(folder, "stopped", more), stop_after(12));
  const Summary resumed = run_training(small_run(folder, "stopped", more), resume("auto"));
  CHECK(resumed.status == "early_stopped");
  CHECK(resumed.steps == 20);
  CHECK((numbers_of(folder / "stopped", "step-00000020") == numbers_of(folder / "run", "step-00000020")));
}

TEST_CASE("records count every example of training once, and every row of an evaluation") {
  const TemporaryFolder folder;
  run_training(small_run(folder, "run", {"train.log_every=null", "train.max_steps=null", "train.epochs=3"}));
  const auto all = records(folder / "run");
  std::vector<std::string> splits;
  for (const auto& r : all) splits.push_back(r.at("split"));
  CHECK(splits ==
        std::vector<std::string>{"train", "validation", "train", "validation", "train", "validation", "test"});
  CHECK(all[0].at("step") == 17);  // 284 rows in batches of 16, the rest dropped
  CHECK(all[6].at("epoch") == 3);
  // Accuracies are whole numbers of rows: 17 batches of 16, 71 and 1442.
  const auto whole = [](double accuracy, double rows) {
    return std::abs(accuracy * rows - std::round(accuracy * rows)) < 1e-6;
  };
  CHECK(whole(all[0].at("accuracy"), 272));
  CHECK(whole(all[1].at("accuracy"), 71));
  CHECK(whole(all[6].at("accuracy"), 1442));
  CHECK(all[0].at("lr").get<double>() > all[4].at("lr").get<double>());
}

TEST_CASE("eval gives what training reported, prepared with the run's own normalisation") {
  const TemporaryFolder folder;
  const Summary s = run_training(small_run(folder, "run"));
  const EvalReport test = evaluate_run({.run = folder / "run", .split = "test"});
  CHECK(test.step == 60);
  CHECK(test.rows == 1442);
  CHECK(test.metrics.loss() == s.test->loss());
  CHECK(evaluate_run({.run = folder / "run", .split = "validation"}).metrics.loss() == s.validation->loss());
  // Another file of training rows does not change how test rows are scaled.
  const std::string other = std::string("data.train.path=") + nnx::test::source_dir() + "/data/digits-train.csv";
  CHECK(evaluate_run({.run = folder / "run", .split = "test", .arguments = {other}}).metrics.loss() == s.test->loss());
  CHECK(caught([&] { evaluate_run({.run = folder / "run", .split = "tset"}); }).code == 78);
  CHECK(caught([&] { evaluate_run({.run = folder / "nothing"}); }).code == 66);
}

TEST_CASE("every config learns: the loss of a short run falls") {
  const TemporaryFolder folder;
  const fs::path configs = fs::path(nnx::test::source_dir()) / "configs";
  int count = 0;
  for (const auto& entry : fs::directory_iterator(configs)) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().filename().string());
    const std::string text = read_file(entry.path());
    std::istringstream lines(text);
    for (int i = 0; i < 3; ++i) {
      std::string line;
      std::getline(lines, line);
      CHECK(line.starts_with("# "));
    }
    if (text.find("/usr/share/datasets/fashion-mnist") != std::string::npos &&
        !fs::exists("/usr/share/datasets/fashion-mnist"))
      continue;
    ++count;
    const std::string run = folder / entry.path().stem().string();
    run_training(
        {.files = {entry.path().string()},
         .arguments = {"train.epochs=null", "train.max_steps=60", "train.log_every=20", "train.checkpoint_every=1000",
                       std::string("data.folder=") + nnx::test::source_dir(), "output_dir=" + run}});
    const auto all = records(run);
    REQUIRE(all.size() >= 3);
    CHECK(all[2].at("loss").get<double>() < 0.8 * all[0].at("loss").get<double>());
  }
  CHECK(count >= 1);
}
