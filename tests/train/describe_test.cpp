// What the program says of itself and of configs: catalog, schema, render, diff, starter, estimate.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <algorithm>

#include "config/parse.h"
#include "help.h"
#include "nn/linear.h"
#include "train/catalog.h"
#include "train/diff.h"
#include "train/estimate.h"
#include "train/render.h"
#include "train/schema.h"
#include "train/starter.h"

using namespace nnx;
using nlohmann::json;
using test::TemporaryFolder;

namespace {

// What a key says stands there is known to the schema.
void expect_sections(const std::vector<FieldDoc>& fields, const std::string& owner) {
  static const json known = json::parse(config_schema())["definitions"];
  for (const FieldDoc& field : fields) {
    CAPTURE(owner + "." + field.name);
    CHECK((field.type == "map" || !field.help.empty()));   // a section of the config needs none
    if (!field.component.empty()) CHECK(known.contains(field.component));
    expect_sections(field.fields, owner + "." + field.name);
  }
}

Setup small_setup(const TemporaryFolder& folder, std::vector<std::string> more = {}) {
  return prepare(test::small_run(folder, "run", std::move(more)));
}

const KeyChange& change_of(const KeyDifference& found, const std::string& key) {
  const auto at = std::ranges::find(found.changes, key, &KeyChange::key);
  REQUIRE_MESSAGE(at != found.changes.end(), key);
  return *at;
}

}  // namespace

TEST_CASE("every key has help, and what is said to come from a registry does") {
  expect_sections(config_keys(), "");
  for (const CatalogSection& section : catalog())
    for (const ComponentDoc& doc : *section.components) expect_sections(doc.fields, section.what + " " + doc.name);
}

TEST_CASE("explain finds components, keys, keys of components and exit codes") {
  CHECK(explain("Dropout").starts_with("Dropout (layer): "));
  CHECK(explain("optimizer.learning_rate").find("one of the schedules: constant, cosine, warmup_cosine") != std::string::npos);
  CHECK(explain("loss").find("one of the losses: mse, ") != std::string::npos);
  CHECK(explain("data.batch_size").starts_with("data.batch_size: integer, at least 1, default 32 - "));
  CHECK(explain("78").starts_with("exit code 78 (config): "));
  CHECK(test::caught([] { explain("BatchNrm"); }).text == "nothing is called 'BatchNrm'; did you mean 'BatchNorm'?");
  CHECK(json::parse(explain_json("Dropout"))[0]["fields"][0]["name"] == "rate");
}

TEST_CASE("the schema follows from the fields: where components stand, ranges, numbers in the place of a component") {
  const json schema = json::parse(config_schema()), overlay = json::parse(overlay_schema());
  const json& definitions = schema["definitions"];
  const auto refers = [](const json& property, const std::string& to) { return property.dump().find("\"#/definitions/" + to + "\"") != std::string::npos; };
  CHECK(refers(definitions["layer.Linear"]["properties"]["kernel_init"], "initializer"));
  CHECK(refers(definitions["layer.Sequential"]["properties"]["layers"], "layer"));
  CHECK(refers(definitions["own_layer.Sequential"]["properties"]["layers"], "own_layer"));
  CHECK_FALSE(definitions.contains("own_layer.Linear"));   // holds no layers: there is one of it
  CHECK(refers(definitions["optimizer.adam"]["properties"]["learning_rate"], "schedule"));
  CHECK(definitions["optimizer.adam"]["properties"]["learning_rate"].dump().find("\"number\"") != std::string::npos);
  CHECK_FALSE(refers(definitions["optimizer.adam"]["properties"]["wrt"], "layer"));
  CHECK(refers(schema["properties"]["data"]["anyOf"][0]["properties"]["train"], "dataset"));
  CHECK_FALSE(refers(definitions["operation.resize"]["properties"]["with"], "layer"));   // arguments, not a layer
  CHECK(definitions["layer.Dropout"]["properties"]["rate"].dump().find("\"minimum\":0") != std::string::npos);
  CHECK(schema["required"].dump().find("\"model\"") != std::string::npos);
  CHECK_FALSE(overlay.contains("required"));
  CHECK(overlay["properties"].contains("surgery+"));
}

TEST_CASE("render says where each value came from, and its comments change nothing") {
  const TemporaryFolder folder;
  const Setup setup = small_setup(folder, {"seed=7"});
  const std::string plain = to_yaml(setup), origins = to_yaml(setup, {.origin = true}), comments = to_yaml(setup, {.comments = true});
  CHECK(origins.find("seed: 7  # argument 'seed=7'\n") != std::string::npos);
  CHECK(origins.find("# default\n") != std::string::npos);
  CHECK(origins.find("small.yaml:") != std::string::npos);
  CHECK(comments.find("# of initial weights, dropout and the order of rows\nseed: 7\n") != std::string::npos);
  const ConfigNode node = parse_yaml(plain, "a.yaml");
  for (const std::string& text : {origins, comments}) CHECK(compare_configs(node, parse_yaml(text, "b.yaml")).changes.empty());
  const json rendered = json::parse(render_json(setup));
  CHECK(rendered["config"]["seed"] == 7);
  CHECK(rendered["leaves"].size() > 30);
}

TEST_CASE("diff of configs and states: added, removed, changed; numbers by value") {
  const auto yaml = [](const char* text) { return parse_yaml(text, "a.yaml"); };
  const KeyDifference found = compare_configs(yaml("{a: 1e-3, b: [1, 2], c: {d: x, e: 1}}"), yaml("{a: 0.001, b: [1, 3, 4], c: {e: 2}, f: y}"));
  CHECK(found.kept == 2);
  CHECK(change_of(found, "b[1]").after == "3");
  CHECK(change_of(found, "b[2]").kind == KeyChange::Kind::added);
  CHECK(change_of(found, "c.d").kind == KeyChange::Kind::removed);
  CHECK(change_of(found, "c.e").before == "1");
  CHECK(found.changes.size() == 5);

  Rngs rngs(0);
  const auto first = make<Linear>(2, 3, rngs), second = clone(first);
  second->bias.set(array<float>({0, 0.5f, -1}, {3}));
  second->kernel = Param(zeros({2, 4}));
  const KeyDifference states = compare_states(state(first), state(second));
  CHECK(*change_of(states, "bias").largest == 1.0);
  CHECK(*change_of(states, "bias").mean == 0.5);
  CHECK(change_of(states, "kernel").after == "f32[2,4]");
  CHECK_FALSE(change_of(states, "kernel").largest);
}

TEST_CASE("a starter config for classes of words and for numbers trains as it is") {
  const TemporaryFolder folder;
  std::string words = "size,kind,note\n", numbers = "x,y\n";
  for (int i = 0; i < 40; ++i) {
    words += std::to_string(i) + "," + (i % 2 ? "cat" : "dog") + ",text\n";
    numbers += std::to_string(i) + "," + std::to_string(i * 0.37) + "\n";
  }
  test::write_file(folder / "words.csv", words);
  test::write_file(folder / "numbers.csv", numbers);
  for (const auto& [file, target, task] : {std::tuple{"words.csv", "kind", "classification"}, {"numbers.csv", "y", "regression"}}) {
    const Starter starter = starter_config({.data = folder / file, .target = target});
    CAPTURE(starter.yaml);
    CHECK(starter.task == task);
    CHECK(starter.rows == 40);
    CHECK(starter.features == 1);
    test::write_file(folder / "starter.yaml", starter.yaml);
    const Summary summary = run_training({.files = {folder / "starter.yaml"}, .arguments = {"train.max_steps=2", "data.batch_size=8", "output_dir=" + (folder / task)}});
    CHECK(summary.steps == 2);
  }
  CHECK(test::caught([&] { starter_config({.data = folder / "words.csv", .target = "knid"}); }).text.find("did you mean 'kind'?") != std::string::npos);
}

TEST_CASE("the estimate counts what is there, and looking at the step changes nothing") {
  const TemporaryFolder folder;
  Setup setup = small_setup(folder);
  const State before = state(setup.model);
  const Estimate e = estimate(setup);
  CHECK(state(setup.model) == before);
  CHECK(e.parameters == 64 * 24 + 24 + 2 * 24 + 24 * 10 + 10);
  CHECK(e.model_bytes == before.bytes());
  CHECK(e.train_rows + e.validation_rows == 355);
  CHECK(e.test_rows == 1442);
  CHECK(e.optimizer_bytes > 2 * 4 * static_cast<size_t>(e.parameters));   // two moments
  CHECK(e.step_bytes > 0);
  CHECK(e.total_bytes == e.model_bytes + e.optimizer_bytes + e.data_bytes + e.prefetch_bytes + e.step_bytes);
  CHECK(json::parse(to_json(e))["total_bytes"] == e.total_bytes);
}
