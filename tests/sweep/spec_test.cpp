// The sweep file and its short form: what is read, and what is refused.
#include "sweep/spec.h"

#include <doctest/doctest.h>

#include <fstream>

#include "sweep/trial.h"
#include "support/errors.h"
#include "train/help.h"

using namespace nnx;
using nnx::test::error_of;

namespace {

SweepSpec from_text(const nnx::test::TemporaryFolder& folder, const std::string& text) {
  nnx::test::write_file(folder / "digits.yaml", text);
  return read_sweep(folder / "digits.yaml");
}

std::string short_error(const std::string& argument) {
  return error_of([&] {
    SweepSpec spec;
    add_arguments(spec, {argument});
  });
}

}  // namespace

TEST_CASE("a sweep file gives the spec, with the names of W&B") {
  const nnx::test::TemporaryFolder folder;
  const SweepSpec spec = from_text(folder,
                                   "base: [configs/mlp.yaml]\n"
                                   "method: random\n"
                                   "metric: {name: validation.accuracy}\n"
                                   "parameters:\n"
                                   "  optimizer.learning_rate: {min: 1e-4, max: 1e-1, distribution: log_uniform_values}\n"
                                   "  data.batch_size: {values: [32, 64]}\n"
                                   "paired:\n"
                                   "  - {model.dmid: 64, train.epochs: 2}\n"
                                   "  - {model.dmid: 128, train.epochs: 1}\n"
                                   "repeats: {seed: [0, 1, 2]}\n"
                                   "early_terminate: {type: asha, min_epochs: 1, eta: 3}\n"
                                   "run_cap: 5\n");
  CHECK(spec.name == "digits");
  CHECK(spec.metric.maximize());
  CHECK(spec.parameters.size() == 2);
  CHECK(spec.early_terminate->eta == 3);
  check_sweep(spec);
  const std::vector<Trial> trials = choose_trials(spec);
  CHECK(trials.size() == 15);
  CHECK(trials[4].number == 4);
  CHECK(trials[4].point[0].value == trials[3].point[0].value);
  CHECK(trials[4].repeat[0].value == "1");
  CHECK(trials[3].arguments().size() == 5);
}

TEST_CASE("arguments are parameters or settings by what they look like") {
  SweepSpec spec;
  add_arguments(spec, {"optimizer.learning_rate=log(1e-4,1e-1)", "data.batch_size=32,64", "train.epochs=3", "model.dmid=int(8,64)",
                       "model.rate=range(0,0.2,0.1)", "overlay=none,configs/overlays/lora.yaml", "train.keep=[1]"});
  REQUIRE(spec.parameters.size() == 5);
  CHECK(spec.settings.size() == 2);
  CHECK(spec.parameters[0].second.distribution == Spread::log_uniform_values);
  CHECK(spec.parameters[1].second.values->size() == 2);
  CHECK(spec.parameters[2].second.distribution == Spread::int_uniform);
  CHECK(spec.parameters[3].second.values->size() == 3);
  CHECK(setting_text((*spec.parameters[3].second.values)[1]) == "0.1");
  add_arguments(spec, {"data.batch_size=16"});   // a later one takes its place
  CHECK(spec.parameters.size() == 4);
  CHECK(short_error("lr") == "argument 'lr': not a setting; write key=value, or key=32,64, or key=log(1e-4,1e-1)");
  CHECK(short_error("lr=lgo(1,2)") == "argument 'lr=lgo(1,2)': 'lgo' is no range; there are log, uniform, int, range; did you mean 'log'?");
  CHECK(short_error("lr=log(1)") == "argument 'lr=log(1)': log takes two numbers");
  CHECK(short_error("lr=log(a,2)") == "argument 'lr=log(a,2)': 'a' is no number");
  CHECK(short_error("lr=range(0,1,0)") == "argument 'lr=range(0,1,0)': range(0,1,0) has no end that its steps reach, or more than 100000 values");
}

TEST_CASE("what does not hold together is refused at its place, all of it together") {
  const nnx::test::TemporaryFolder folder;
  const std::string file = folder / "digits.yaml";
  const auto error = [&](const std::string& text) { return error_of([&] { check_sweep(from_text(folder, "base: [a.yaml]\n" + text)); }); };
  CHECK(error("parameters: {lr: {min: 1, max: 2}}\n").ends_with("run_cap: method random goes on for ever; say how many trials: --trials 20, or run_cap: 20"));
  CHECK(error("method: grid\nparameters: {lr: {min: 1, max: 2}}\n") ==
        file + ":3:14: parameters.lr: a grid needs values, and this is a range; list them, or use method random or sobol");
  CHECK(error("method: list\ntrials: [{seed: 1}]\nparameters: {lr: {values: []}}\nrepeats: {seed: []}\n") ==
        file + ":4:1: parameters: method list takes its values from trials alone; put them there, or use another method\n" + file +
            ":4:14: parameters.lr: expected at least one value, got none\n" + file + ":5:11: repeats.seed: expected at least one value, got none");
  CHECK(error("methd: grid\n").starts_with(file + ":2:1: methd: unknown key; did you mean 'method'? known keys: name, base"));
}

TEST_CASE("a grid too large to plan says so without making it") {
  SweepSpec spec;
  spec.method = SweepMethod::grid;
  for (const char* key : {"a", "b", "c", "d"}) add_arguments(spec, {std::string(key) + "=range(1,1000)"});
  CHECK(error_of([&] { choose_trials(spec); }) ==
        "sweep: expected at most 100000 trials, got 1000000000000; run_cap limits them; method random or sobol covers a large space with few");
  spec.run_cap = 3;
  const std::vector<Trial> trials = choose_trials(spec);
  REQUIRE(trials.size() == 3);
  CHECK(trials[2].point_text() == "a=1 b=1 c=1 d=3");
}
