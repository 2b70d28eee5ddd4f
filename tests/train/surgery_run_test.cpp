// Runs that start from other runs, changed by the overlays that ship: adapters, a new head, a deeper model.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "checkpoint/checkpoint.h"
#include "config/write.h"
#include "help.h"
#include "train/base_model.h"
#include "train/evaluate.h"
#include "train/merge_lora.h"

using namespace nnx;
using test::caught;
using test::read_file;
using test::small_run;
using test::stop_after;
using test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::string overlay(const std::string& name) { return test::source_dir() + "/configs/overlays/" + name + ".yaml"; }

// A base wide enough to be worth adapting; `more` may say otherwise.
TrainSource base_run(const TemporaryFolder& folder, const std::string& run, std::vector<std::string> more = {}) {
  for (const char* text : {"model.layers.linear1.out_features=512", "model.layers.bn.num_features=512",
                           "model.layers.linear2.in_features=512", "train.max_steps=40", "train.log_every=null"}) {
    const std::string key = text, name = key.substr(0, key.find('=') + 1);
    if (std::ranges::none_of(more, [&](const std::string& given) { return given.starts_with(name); })) more.push_back(key);
  }
  return small_run(folder, run, std::move(more));
}

TrainSource adapted_run(const TemporaryFolder& folder, const std::string& run, const std::string& with, std::vector<std::string> more = {},
                        const std::string& base = "base") {
  more.push_back("init_from=" + (folder / base));
  TrainSource source = base_run(folder, run, std::move(more));
  source.files.push_back(overlay(with));
  return source;
}

std::map<std::string, std::string> files_of(const fs::path& checkpoint) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(checkpoint))
    if (entry.path().filename() != "MANIFEST.json") files[entry.path().filename().string()] = read_file(entry.path());
  return files;
}

uintmax_t bytes_of(const fs::path& directory) {
  uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(directory)) bytes += entry.file_size();
  return bytes;
}

std::string bytes_of(const StateLeaf& leaf) { return {leaf.value.buffer()->as<char>(), leaf.value.type().bytes()}; }

}  // namespace

TEST_CASE("lora.yaml: only adapters change, they alone are saved, and merging them gives the same outputs") {
  const TemporaryFolder folder;
  run_training(base_run(folder, "base"));
  const RunModel base = read_run_model(folder / "base");
  CHECK(base.name == (folder / "base") + "@40");

  const Setup setup = prepare(adapted_run(folder, "lora", "lora"));
  REQUIRE(setup.plan);
  CHECK(*setup.plan->difference == 0);
  CHECK(setup.plan->trainable == (64 + 512) + (512 + 10));
  CHECK(setup.optimizer->parameters().elements() == setup.plan->trainable);
  CHECK(setup.config.init_from == base.name);
  const std::string plan = to_text(*setup.plan);
  CAPTURE(plan);
  CHECK(plan.find("2 Linear") != std::string::npos);
  CHECK(plan.find("outputs unchanged: largest difference 0 on 64 rows") != std::string::npos);

  run_training(adapted_run(folder, "lora", "lora"));
  const RunModel lora = read_run_model(folder / "lora");
  const State before = state(base.model), after = state(lora.model);
  int adapters = 0;
  for (const auto& [path, leaf] : after) {
    CAPTURE(to_string(path));
    if (leaf.kind->is_a(LoRAParam::static_kind())) ++adapters;
    else if (!leaf.kind->is_a(RngState::static_kind())) CHECK(bytes_of(leaf) == bytes_of(before.at(path)));
  }
  CHECK(adapters == 4);
  CHECK(state(lora.model)["linear2.lora.lora_b"].to_vector<float>() != std::vector<float>(10, 0.0f));

  const fs::path saved = fs::path(folder / "lora") / "checkpoints/step-00000040", whole = fs::path(folder / "base") / "checkpoints/step-00000040";
  const Checkpoint adapters_only = read_checkpoint(saved);
  for (const auto& [path, leaf] : adapters_only.partitions.at("params")) CHECK(leaf.kind->name == "LoRAParam");
  CHECK_FALSE(fs::exists(saved / "batch_stats.safetensors"));
  MESSAGE("adapter checkpoint " << bytes_of(saved) << " bytes, base " << bytes_of(whole));
  CHECK(bytes_of(saved) * 10 < bytes_of(whole));
  CHECK(fs::file_size(saved / "params.safetensors") * 10 < fs::file_size(whole / "params.safetensors"));

  const MergeReport merged = merge_lora_run({.run = folder / "lora", .output = folder / "merged"});
  CHECK(merged.layers == std::vector<std::string>{"linear1", "linear2"});
  CHECK(merged.difference < 1e-5 * std::max(1.0, merged.largest));   // each logit is a sum of 512 products in f32
  CHECK(merged.rows == 256);
  const EvalReport plain = evaluate_run({.run = folder / "merged", .split = "test"}), adapted = evaluate_run({.run = folder / "lora", .split = "test"});
  CHECK(plain.metrics.loss() == doctest::Approx(adapted.metrics.loss()).epsilon(1e-5));
  CHECK(state(read_run_model(folder / "merged").model, of<LoRAParam>).empty());
  CHECK(read_file(folder / "merged/config.yaml").find("merge_lora") == std::string::npos);
  CHECK(caught([&] { merge_lora_run({.run = folder / "lora", .output = folder / "base"}); }).code == 73);
  CHECK(caught([&] { merge_lora_run({.run = folder / "base", .output = folder / "none"}); }).text.find("matches no LoRALinear") != std::string::npos);
}

TEST_CASE("lora.yaml on the model of configs/mlp.yaml: the whole checkpoint of the adapters is a tenth of the base") {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& name, std::vector<std::string> files, std::vector<std::string> more) {
    const std::string source = test::source_dir();
    for (std::string& file : files) file = source + "/configs/" + file;
    for (const char* split : {"train", "test"}) more.push_back(std::string("data.") + split + ".path=" + source + "/data/digits-" + split + ".csv");
    more.insert(more.end(), {"output_dir=" + (folder / name), "train.max_steps=30"});
    run_training({.files = std::move(files), .arguments = std::move(more)});
    return fs::path(folder / name) / "checkpoints/step-00000030";
  };
  const fs::path base = run("base", {"mlp.yaml"}, {});
  const fs::path lora = run("lora", {"mlp.yaml", "overlays/lora.yaml"}, {"init_from=" + (folder / "base")});
  MESSAGE("adapter checkpoint " << bytes_of(lora) << " bytes, base " << bytes_of(base));
  CHECK(bytes_of(lora) * 10 < bytes_of(base));
  // Its Module type is written in YAML, once in the base and once here.
  const MergeReport merged = merge_lora_run({.run = folder / "lora", .output = folder / "merged"});
  CHECK(merged.difference < 1e-5 * std::max(1.0, merged.largest));
  CHECK(evaluate_run({.run = folder / "lora", .split = "test"}).rows == 355);
}

TEST_CASE("partitions of one's own: files by selectors, what is left by kind, and they are read again") {
  const TemporaryFolder folder;
  const std::vector<std::string> more{"train.partitions={head: linear2, kernels: {path: '**.kernel'}}", "train.max_steps=4"};
  run_training(small_run(folder, "run", more));
  const Checkpoint saved = read_checkpoint(folder / "run/checkpoints/step-00000004");
  const auto paths = [&](const char* name) { return saved.partitions.at(name).paths(); };
  using Paths = std::vector<std::string>;
  CHECK(paths("head") == Paths{"linear2.bias", "linear2.kernel"});
  CHECK(paths("kernels") == Paths{"linear1.kernel"});
  CHECK(paths("params") == Paths{"bn.bias", "bn.scale", "linear1.bias"});
  CHECK(saved.partitions.contains("batch_stats"));
  CHECK(state(read_run_model(folder / "run").model).contains("linear2.kernel"));
  CHECK(evaluate_run({.run = folder / "run", .split = "test"}).rows == 1442);
  CHECK(caught([&] { prepare(small_run(folder, "bad", {"train.partitions={opt_state: Param}"})); }).text.find("and not opt_state, got 'opt_state'") !=
        std::string::npos);
  CHECK(caught([&] { prepare(small_run(folder, "bad", {"train.partitions={all: '...', head: linear2}"})); }).text.find("leaves nothing for this one; put it last") !=
        std::string::npos);
  CHECK(caught([&] { prepare(small_run(folder, "bad", {"train.partitions={head: linaer2}"})); }).text.find("did you mean 'linear2'?") != std::string::npos);
}

TEST_CASE("a run with adapters resumes in its middle to the same bytes, and its config repeats it") {
  const TemporaryFolder folder;
  run_training(base_run(folder, "base"));
  run_training(adapted_run(folder, "whole", "lora"));
  for (const int64_t step : {1, 17, 39}) {
    CAPTURE(step);
    const std::string run = "stopped-" + std::to_string(step);
    CHECK(run_training(adapted_run(folder, run, "lora"), stop_after(step)).status == "interrupted");
    CHECK(run_training(adapted_run(folder, run, "lora"), {.resume = "auto"}).status == "completed");
    CHECK((files_of(folder / run + "/checkpoints/step-00000040") == files_of(folder / "whole/checkpoints/step-00000040")));
    CHECK(read_file(folder / run + "/metrics.jsonl") == read_file(folder / "whole/metrics.jsonl"));
  }
  run_training({.files = {folder / "whole/config.yaml"}, .arguments = {"output_dir=" + (folder / "again")}});
  CHECK((files_of(folder / "again/checkpoints/step-00000040") == files_of(folder / "whole/checkpoints/step-00000040")));
}

TEST_CASE("an adapter is refused on another base, naming both") {
  const TemporaryFolder folder;
  run_training(base_run(folder, "base"));
  run_training(base_run(folder, "other", {"seed=4"}));
  run_training(adapted_run(folder, "lora", "lora", {"train.max_steps=5"}));
  const std::string mine = read_run_model(folder / "base").hash, others = read_run_model(folder / "other").hash;
  CHECK(mine != others);
  const test::Caught eval = caught([&] { evaluate_run({.run = folder / "lora", .split = "test", .arguments = {"init_from=" + (folder / "other")}}); });
  CHECK(eval.code == 65);
  CHECK(eval.text.find("is an adapter of " + (folder / "base") + "@40 (hash " + mine + "), and the base here has the hash " + others) != std::string::npos);
  // Another run at the place of the base.
  fs::rename(folder / "base", folder / "gone");
  fs::rename(folder / "other", folder / "base");
  const test::Caught resumed = caught([&] { run_training(adapted_run(folder, "lora", "lora", {"train.max_steps=9"}), {.resume = "auto"}); });
  CHECK(resumed.code == 65);
  CHECK(resumed.text.find(others) != std::string::npos);
  // Its values on a model of another base, by an operation.
  fs::rename(folder / "base", folder / "other");
  fs::rename(folder / "gone", folder / "base");
  const test::Caught loaded = caught([&] {
    TrainSource source = adapted_run(folder, "mixed", "lora", {}, "other");
    const std::string file = folder / "load.yaml";
    test::write_file(file, "surgery:\n  - replace: {type: =Linear}\n    with: {type: LoRALinear, lora_rank: 2}\n  - load: " + (folder / "lora") +
                               "\n    select: LoRAParam\n");
    source.files.push_back(file);
    prepare(source);
  });
  CHECK(loaded.code == 78);
  CHECK(loaded.text.find("(hash " + mine + ")") != std::string::npos);
  CHECK(loaded.text.find("(hash " + others + ")") != std::string::npos);
}

TEST_CASE("new_head.yaml: five classes on the layers of ten; what was left out is said, and it learns") {
  const TemporaryFolder folder;
  run_training(base_run(folder, "base"));
  std::istringstream rows(read_file(test::source_dir() + "/data/digits-train.csv"));
  std::string line, few;
  std::getline(rows, line);
  const size_t at = static_cast<size_t>(std::count(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(line.find("digit")), ','));
  few = line + "\n";
  while (std::getline(rows, line)) {
    std::istringstream cells(line);
    std::string cell;
    for (size_t i = 0; i <= at; ++i) std::getline(cells, cell, ',');
    if (std::stoi(cell) < 5) few += line + "\n";
  }
  test::write_file(folder / "five.csv", few);
  const std::vector<std::string> more{"data.train.path=" + (folder / "five.csv"), "data.test=null", "train.log_every=10", "train.max_steps=60"};
  const Setup setup = prepare(adapted_run(folder, "five", "new_head", more));
  REQUIRE(setup.plan);
  CHECK(setup.plan->steps[0].report.notes ==
        std::vector<std::string>{"left out: linear2.bias f32[10]; new: f32[5]", "left out: linear2.kernel f32[512,10]; new: f32[512,5]"});
  CHECK_FALSE(setup.plan->difference);
  const RunModel base = read_run_model(folder / "base");
  for (const auto& [path, leaf] : state(setup.model, of<Param> && !below("linear2"))) CHECK(bytes_of(leaf) == bytes_of(state(base.model).at(path)));
  const Summary summary = run_training(adapted_run(folder, "five", "new_head", more));
  CHECK(summary.status == "completed");
  CHECK(*summary.validation->accuracy() > 0.9);
  CHECK(read_file(folder / "five/log.txt").find("left out: linear2.bias f32[10]; new: f32[5]") != std::string::npos);
}

TEST_CASE("freeze_all_but_head.yaml changes the head alone") {
  const TemporaryFolder folder;
  run_training(base_run(folder, "base", {"train.max_steps=20"}));
  run_training(adapted_run(folder, "head", "freeze_all_but_head", {"train.max_steps=10"}));
  const RunModel base = read_run_model(folder / "base"), head = read_run_model(folder / "head");
  const State before = state(base.model);
  for (const auto& [path, leaf] : state(head.model, of<Param> || of<BatchStat>)) {
    CAPTURE(to_string(path));
    CHECK((bytes_of(leaf) == bytes_of(before.at(path))) == (path[0].name != "linear2"));
  }
  for (const auto& [path, leaf] : head.checkpoint.partitions.at("opt_state"))
    if (leaf.value.rank() > 0) CHECK(to_string(path).find("linear2") != std::string::npos);
}

TEST_CASE("deeper.yaml adds a block before the last layer, and the run of that can be started from, too") {
  const TemporaryFolder folder;
  const std::string config = test::source_dir() + "/configs/regression.yaml";
  const std::vector<std::string> common{"data.train.rows=512", "data.test.rows=128", "data.test.first_row=512", "train.epochs=3"};
  const auto arguments = [&](const std::string& run, const std::string& base) {
    std::vector<std::string> all = common;
    all.push_back("output_dir=" + (folder / run));
    if (!base.empty()) all.push_back("init_from=" + (folder / base));
    return all;
  };
  run_training({.files = {config}, .arguments = arguments("base", "")});
  const Summary deeper = run_training({.files = {config, overlay("deeper")}, .arguments = arguments("deeper", "base")});
  CHECK(deeper.status == "completed");
  const RunModel model = read_run_model(folder / "deeper");
  CHECK(state(model.model).contains("linear_deep.kernel"));
  CHECK(model.checkpoint.partitions.at("opt_state").contains("tx.groups.fresh.momentum.trace.linear_deep.kernel"));
  // The config describes the shallow model, and that run's own surgery explains the rest.
  const Setup again = prepare({.files = {config}, .arguments = arguments("again", "deeper")});
  CHECK(state(again.model).contains("linear_deep.kernel"));
  const test::Caught other = caught([&] {
    std::vector<std::string> all = arguments("wider", "base");
    all.push_back("model.layers.linear1.out_features=32");
    all.push_back("model.layers.norm.num_features=32");
    all.push_back("model.layers.linear2.in_features=32");
    prepare({.files = {config}, .arguments = all});
  });
  CHECK(other.code == 78);
  CHECK(other.text.find("is another one: the config has linear1.bias f32[32], the run f32[64]") != std::string::npos);
}

TEST_CASE("the config that a run with surgery leaves does the same surgery again, whatever the operation") {
  const TemporaryFolder folder;
  for (const std::string item :
       {"{replace: linear1, with: {type: Linear, use_bias: false}}",
        "{replace: [linear1, linear2], with: Linear, override: [{match: linear2, use_bias: false}]}",
        "{replace: gelu, with: gelu, override: [{match: gelu, approximate: false}]}", "{type: freeze, select: bn}", "{unfreeze: bn, optional: true}",
        "{resize: linear2, with: {out_features: 12}}", "{wrap: linear1, with: {type: LoRA, lora_rank: 2}}",
        "{insert: {more: {type: Linear, in_features: 24, out_features: 24}}, before: gelu}", "{copy: bn, times: 2}", "{remove: dropout}",
        "{rename: bn, to: norm}", "{reinit: linear1.bias, init: {type: normal, stddev: 0.1}}", "{set: dropout, attributes: {rate: 0.4}}"}) {
    CAPTURE(item);
    const Setup setup = prepare(small_run(folder, "run", {"surgery=[" + item + "]"}));
    test::write_file(folder / "echo.yaml", write_yaml(setup.resolved));
    const Setup again = prepare({.files = {folder / "echo.yaml"}});
    CHECK(graphdef(again.model) == graphdef(setup.model));
    CHECK(state(again.model) == state(setup.model));
    CHECK(write_yaml(again.resolved) == write_yaml(setup.resolved));
  }
}
