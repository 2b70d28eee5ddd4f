// Objectives: what a config says of its losses, and whether their numbers are those of plain loops in double, and PyTorch's.
#include "train/objective.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "help.h"
#include "train/base_model.h"
#include "train/evaluate.h"
#include "train/population.h"

using namespace nnx;
using test::read_file;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

TrainSource multi_task(const TemporaryFolder& folder, const std::string& run, std::vector<std::string> more = {}) {
  const std::string source = nnx::test::source_dir();
  more.insert(more.end(), {"data.folder=" + source, "output_dir=" + (folder / run)});
  return {.files = {source + "/configs/multi_task.yaml"}, .arguments = std::move(more)};
}

std::vector<nlohmann::ordered_json> recorded(const fs::path& run) {
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  std::vector<nlohmann::ordered_json> out;
  for (std::string line; std::getline(lines, line);) out.push_back(nlohmann::ordered_json::parse(line));
  return out;
}

// The metrics of multi_task.yaml on all rows of `data`, by loops in double over what the model gives.
struct DigitMetrics {
  double digit = 0, pixels = 0, accuracy = 0;
  double sum() const { return digit + 5 * pixels; }
};
DigitMetrics expected_metrics(const Setup& setup, const Dataset& data) {
  const EvalMode mode(setup.model);
  Loader loader(data, evaluation_options(data.rows), 0);
  const BatchArrays batch = arrays_of(loader.next(), loader.data());
  const Arrays outputs = setup.feed.outputs(setup.model, batch.x, batch.y);
  const auto logits = outputs.at(0).to_vector<float>(), pixels = outputs.at(1).to_vector<float>(), x = batch.x.to_vector<float>();
  const auto labels = batch.y.to_vector<int32_t>();
  const size_t classes = logits.size() / labels.size(), width = x.size() / labels.size();
  DigitMetrics out;
  for (size_t row = 0; row < labels.size(); ++row) {
    const float* z = &logits[row * classes];
    const float top = *std::max_element(z, z + classes);
    double total = 0;
    for (size_t c = 0; c < classes; ++c) total += std::exp(double{z[c]} - double{top});
    const auto label = static_cast<size_t>(labels[row]);
    out.digit += std::log(total) + double{top} - double{z[label]};
    out.accuracy += z[label] == top;
    for (size_t i = 0; i < width; ++i)
      out.pixels += std::pow(double{pixels[row * width + i]} - double{x[row * width + i]}, 2) / static_cast<double>(width);
  }
  const auto rows = static_cast<double>(labels.size());
  return {out.digit / rows, out.pixels / rows, out.accuracy / rows};
}

}  // namespace

TEST_CASE("two tasks at once: the metrics are those of loops in double, and reach what the config promises") {
  const TemporaryFolder folder;
  const Summary summary = run_training(multi_task(folder, "run"));
  CHECK(*summary.test->accuracy() >= 0.97);
  CHECK(*summary.test->find("pixels_loss") <= 0.02);

  const RunModel run = read_run_model(folder / "run");
  Setup setup = prepare(multi_task(folder, "run"));
  setup.model = run.model;
  const DigitMetrics expected = expected_metrics(setup, *setup.data.test);
  const Metrics metrics = evaluate_run({.run = folder / "run"}).metrics;
  CHECK(metrics.values == summary.test->values);
  CHECK(*metrics.find("digit_loss") == doctest::Approx(expected.digit).epsilon(1e-5));
  CHECK(*metrics.find("pixels_loss") == doctest::Approx(expected.pixels).epsilon(1e-5));
  CHECK(metrics.loss() == doctest::Approx(expected.sum()).epsilon(1e-5));
  CHECK(*metrics.accuracy() == doctest::Approx(expected.accuracy));

  const auto first = recorded(folder / "run").at(0);
  std::vector<std::string> keys;
  for (const auto& [key, value] : first.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"step", "epoch", "split", "loss", "digit_loss", "pixels_loss", "accuracy", "lr"});
  const auto json = nlohmann::ordered_json::parse(read_file(folder / "run/summary.json"));
  CHECK(json["test"]["pixels_loss"] == *metrics.find("pixels_loss"));
}

TEST_CASE("gradients of a weighted sum are those of its finite differences") {
  const TemporaryFolder folder;
  Setup setup = prepare(multi_task(folder, "run", {"optimizer={type: sgd, learning_rate: 1}"}));
  const Dataset& data = setup.data.train;
  Loader loader(data, evaluation_options(data.rows), 0);
  const BatchArrays batch = arrays_of(loader.next(), loader.data());
  const State before = state(setup.model);
  const TrainStep step(setup.model, setup.optimizer, setup.objective, setup.feed);
  step(batch.x, batch.y);
  const State after = state(setup.model);   // before - gradient
  for (const char* name : {"encoder.kernel", "classifier.bias", "decoder.kernel", "decoder.bias"}) {
    CAPTURE(name);
    const Array start = before[name], gradient = start - after[name];
    const double norm = std::sqrt(sum(cast(square(gradient), DType::f64)).item<double>());
    const auto loss_at = [&](double distance) {   // along the gradient
      State moved = before;
      moved.set(name, start + gradient * (distance / norm));
      update(setup.model, moved);
      return expected_metrics(setup, data).sum();
    };
    const double slope = (loss_at(1e-2) - loss_at(-1e-2)) / 2e-2;
    CHECK(slope == doctest::Approx(norm).epsilon(2e-3));
  }
}

TEST_CASE("a training on two losses follows PyTorch's in float64") {
  const TemporaryFolder folder;
  test::write_file(folder / "two.yaml",
                   "data: {train: {type: synthetic, rows: 7, features: 6, classes: 3}, batch_size: 7}\n"
                   "modules:\n"
                   "  Two:\n"
                   "    attributes:\n"
                   "      encoder: {type: Linear, in_features: 6, out_features: 5}\n"
                   "      classifier: {type: Linear, in_features: 5, out_features: 3}\n"
                   "      decoder: {type: Linear, in_features: 5, out_features: 6}\n"
                   "    call: |\n"
                   "      code_of_x = tanh(encoder(x))\n"
                   "      return classifier(code_of_x), decoder(code_of_x)\n"
                   "model: Two\n"
                   "loss: {type: weighted_sum, terms: {kind: softmax_cross_entropy, again: {type: mse, target: x, weight: 0.25}}}\n"
                   "optimizer: {type: sgd, learning_rate: 0.5}\n"
                   "train: {epochs: 1}\n");
  const auto golden = nlohmann::json::parse(read_file(nnx::test::source_dir() + "/tests/golden/two_outputs.json"));
  const auto array_of = [](const nlohmann::json& j) {
    return array<float>(j["values"].get<std::vector<float>>(), Shape(j["shape"].get<std::vector<int64_t>>()));
  };
  Setup setup = prepare({.files = {folder / "two.yaml"}});
  State params = state(setup.model, of<Param>);
  for (const auto& [name, value] : golden["initial_params"].items()) params.set(name, array_of(value));
  update(setup.model, params);
  const TrainStep step(setup.model, setup.optimizer, setup.objective, setup.feed);
  const Array x = array_of(golden["x"]), labels = array<int32_t>(golden["labels"]["values"].get<std::vector<int32_t>>(), {7});
  for (const nlohmann::json& expected : golden["steps"]) {
    const BatchResult result = step(x, labels);
    for (size_t i = 0; i < 3; ++i) CHECK(std::abs(result.sums.values[i] / 7 - expected[i].get<double>()) < 1e-6);
  }
  params = state(setup.model, of<Param>);
  for (const auto& [name, value] : golden["final_params"].items()) {
    CAPTURE(name);
    CHECK(largest_difference({params[name]}, {array_of(value)}) < 2e-6);
  }
}

TEST_CASE("another weight is another number, not another program") {
  const TemporaryFolder folder;
  Setup setup = prepare(multi_task(folder, "run"));
  const TrainStep step(setup.model, setup.optimizer, setup.objective, setup.feed);
  Loader loader(setup.data.train, setup.config.data.loader, 0);
  const BatchArrays batch = arrays_of(loader.next(), loader.data());
  for (const double weight : {5.0, 0.0, 0.25}) {
    setup.objective->terms()[1]->weight.set(weight);
    const BatchResult r = step(batch.x, batch.y);
    CHECK(r.sums.values[0] == doctest::Approx(r.sums.values[1] + weight * r.sums.values[2]).epsilon(1e-6));
  }
  CHECK(step.entries() == 1);
}

TEST_CASE("a run of two outputs that was stopped leaves the same bytes, also when it goes by a term") {
  const TemporaryFolder folder;
  const auto source = [&](const std::string& run) {
    return multi_task(folder, run, {"data.validation=0.2", "train={max_steps: 30, eval_every: 7, log_every: 4, early_stop: {metric: pixels_loss}}"});
  };
  const Summary whole = run_training(source("whole"));
  run_training(source("stopped"), test::stop_after(13));
  run_training(source("stopped"), {.resume = "auto"});
  CHECK(read_file(folder / "whole/metrics.jsonl") == read_file(folder / "stopped/metrics.jsonl"));
  for (const std::string file : {"params.safetensors", "opt_state.safetensors", "graphdef.json"})
    CHECK((read_file(folder / ("whole/checkpoints/step-00000030/" + file)) == read_file(folder / ("stopped/checkpoints/step-00000030/" + file))));
  REQUIRE(whole.best);
  for (const auto& record : recorded(folder / "whole"))
    if (record["split"] == "validation" && record["step"] == whole.best->step) CHECK(record["pixels_loss"] == whole.best->value);
}

TEST_CASE("runs that differ in a weight are one population; in a loss, an output or a target they are not") {
  const TemporaryFolder folder;
  const std::vector<std::vector<std::string>> settings{{}, {"loss.terms.pixels.weight=0.5"}, {"loss.terms.pixels.target=x * 0.5"},
                                                       {"loss.terms.pixels.output=1"}, {"loss.terms.pixels.type=sigmoid_binary_cross_entropy"}};
  std::vector<Setup> setups;
  for (size_t i = 0; i < settings.size(); ++i) {
    std::vector<std::string> more = settings[i];
    more.push_back("train={max_steps: 12, log_every: 1}");
    setups.push_back(prepare(multi_task(folder, "together-" + std::to_string(i), more)));
  }
  std::vector<Setup*> all;
  for (Setup& s : setups) all.push_back(&s);
  const std::vector<Population> populations = populations_of(all);
  REQUIRE(populations.size() == 3);
  CHECK(populations[0].members == std::vector<size_t>{0, 1, 3});
  CHECK(populations[1].differs.find("'x'") != std::string::npos);
  CHECK(populations[2].differs.find("sigmoid_binary_cross_entropy") != std::string::npos);

  const auto outcomes = train_population(std::vector<Setup*>{all[0], all[1]}, std::vector<std::optional<TrainOptions>>(2, TrainOptions{}), 1);
  for (size_t i = 0; i < 2; ++i) {
    REQUIRE_FALSE(outcomes[i].error);
    std::vector<std::string> more = settings[i];
    more.push_back("train={max_steps: 12, log_every: 1}");
    const Summary alone = run_training(multi_task(folder, "alone-" + std::to_string(i), more));
    for (const auto& [name, value] : alone.test->values) CHECK(*outcomes[i].summary.test->find(name) == doctest::Approx(value).epsilon(1e-4));
    CHECK(recorded(folder / ("together-" + std::to_string(i))).at(3).dump() != recorded(folder / "together-0").at(2).dump());
  }
}

TEST_CASE("several terms that classify have an accuracy each; a loss alone reads one of several outputs") {
  const TemporaryFolder folder;
  const Setup both = prepare(multi_task(folder, "both", {"loss.terms={a: {type: softmax_cross_entropy, output: 0}, b: {type: softmax_cross_entropy, output: 0, weight: 2}}",
                                                        "data.validation=0.1", "train.early_stop={metric: b_accuracy}"}));
  CHECK(both.objective->metric_names() == std::vector<std::string>{"loss", "a_loss", "b_loss", "a_accuracy", "b_accuracy"});
  const Summary one = run_training(multi_task(folder, "one", {"loss={type: mse, output: 1, target: x}", "train={max_steps: 3}"}));
  CHECK(one.test->values.size() == 1);
}

TEST_CASE("a loss that is not finite is named") {
  const TemporaryFolder folder;
  const test::Caught error = test::caught([&] {
    run_training(multi_task(folder, "run", {"loss.terms.pixels.target=x / 0", "train={max_steps: 3}"}));
  });
  CHECK(error.code == 70);
  CHECK(error.text.find("pixels_loss: expected finite values") != std::string::npos);
}

TEST_CASE("surgery compares all outputs") {
  const TemporaryFolder folder;
  run_training(multi_task(folder, "base", {"train={max_steps: 5}"}));
  const Setup setup = prepare(multi_task(folder, "next", {"init_from=" + (folder / "base"), "surgery=[{reinit: decoder.kernel, init: zeros}]"}));
  REQUIRE(setup.plan);
  CHECK(setup.plan->outputs_after == "(f32[64,10], f32[64,64])");
  CHECK(*setup.plan->difference > 0);   // only the second output has changed
}
