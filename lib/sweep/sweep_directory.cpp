#include "sweep/sweep_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/side_by_side.h"
#include "checkpoint/posix_file.h"
#include "config/parse.h"
#include "config/write.h"
#include "kernels/kernel.h"
#include "train/setup.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Json json_of(const std::vector<Setting>& settings) {
  Json json = Json::object();
  for (const Setting& s : settings) json[s.key] = s.choice ? Json::array({s.value, *s.choice}) : Json::array({s.value});
  return json;
}

std::vector<Setting> settings_from(const Json& json) {
  std::vector<Setting> settings;
  for (const auto& [key, value] : json.items()) {
    Setting s{key, value.at(0)};
    if (value.size() > 1) s.choice = value.at(1).get<size_t>();
    settings.push_back(std::move(s));
  }
  return settings;
}

std::string line_of(const Trial& trial) {
  return Json{{"number", trial.number}, {"point", json_of(trial.point)}, {"repeat", json_of(trial.repeat)}}.dump() + "\n";
}

std::vector<Trial> read_trials(const fs::path& file) {
  std::ifstream in(file);
  std::vector<Trial> trials;
  for (std::string line; std::getline(in, line);) {
    try {
      const Json json = Json::parse(line);
      trials.push_back({json.at("number"), settings_from(json.at("point")), settings_from(json.at("repeat"))});
    } catch (const nlohmann::json::exception& error) {
      if (in.peek() == EOF) break;   // a line that was being added when the process was killed
      fail(ErrorKind::data, {.where = fmt::format("{}:{}", file.string(), trials.size() + 1), .message = std::string("is damaged: ") + error.what()});
    }
    if (trials.back().number != static_cast<int64_t>(trials.size()) - 1)
      fail(ErrorKind::data, {.where = fmt::format("{}:{}", file.string(), trials.size()), .expected = fmt::format("trial {}", trials.size() - 1),
                             .got = std::to_string(trials.back().number)});
  }
  return trials;
}

// Whether a process holds the lock of a run.
bool is_locked(const fs::path& run) {
  const Descriptor file(::open((run / ".lock").c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return false;
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  ::flock(file.get(), LOCK_UN);
  return false;
}

std::optional<double> finite(const Json& value) {
  if (!value.is_number()) return std::nullopt;
  const double number = value;
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

struct MetricName {
  std::string split, metric;
};
MetricName metric_name(const SweepSpec& spec) {
  const size_t dot = spec.metric.name.find('.');
  return {spec.metric.name.substr(0, dot), spec.metric.name.substr(dot + 1)};
}

}  // namespace

std::string trial_name(int64_t number) { return fmt::format("{:04}", number); }

int jobs_of(const SweepSpec& spec) {
  if (spec.jobs) return *spec.jobs;
  return std::max(1, kernels::max_threads() / spec.threads.value_or(1));
}

int threads_of(const SweepSpec& spec) {
  return spec.threads.value_or(spec.population ? kernels::max_threads() : std::max(1, kernels::max_threads() / jobs_of(spec)));
}

fs::path SweepDirectory::run_of(int64_t number) const { return path_ / "trials" / trial_name(number); }
fs::path SweepDirectory::config_of(int64_t number) const { return path_ / "trials" / (trial_name(number) + ".yaml"); }

// ---- planning

namespace {

// What `nnx-train` would be given for this trial.
TrainSource source_of(const SweepSpec& spec, const Trial& trial, const fs::path& run) {
  TrainSource source{.files = spec.base, .overlays = spec.overlays};
  const std::vector<std::string> overlays = trial.overlays();
  source.overlays.insert(source.overlays.end(), overlays.begin(), overlays.end());
  for (const auto& [key, value] : spec.settings) source.arguments.push_back(key + "=" + setting_text(value));
  const std::vector<std::string> own = trial.arguments();
  source.arguments.insert(source.arguments.end(), own.begin(), own.end());
  source.arguments.push_back("output_dir=" + run.string());
  return source;
}

void check_metric(const SweepSpec& spec, const Setup& setup) {
  const auto [split, metric] = metric_name(spec);
  const bool has_split = split == "train" || (split == "validation" && setup.data.validation) || (split == "test" && setup.data.test);
  if (!has_split)
    fail_at(spec, "metric.name", {.message = fmt::format("the sweep goes by {}, and the config has no data.{}", spec.metric.name, split),
                             .hint = split == "validation" ? "add data.validation=0.1, or choose another metric" : "metrics are of train, validation or test"});
  const std::vector<std::string>& known = setup.objective->metric_names();
  if (std::ranges::find(known, metric) == known.end())
    fail_at(spec, "metric.name", {.expected = fmt::format("one of {}", fmt::join(known, ", ")), .got = in_quotes(metric)});
  if (spec.early_terminate && split == "test")
    fail_at(spec, "early_terminate", {.message = "the test metric is known only at the end", .hint = "go by a validation metric"});
}

// The text of an error in a trial's config, with the place in the sweep file of each argument that it names.
std::string with_places(std::string text, const SweepSpec& spec, const Trial& trial) {
  const auto add = [&](const std::string& key, const std::string& value, const Origin& origin) {
    const size_t at = text.find(fmt::format("argument '{}={}'", key, value));
    if (at != std::string::npos && origin.line > 0) text.insert(at, origin.text() + ": ");
  };
  for (const auto& [key, value] : spec.settings) add(key, setting_text(value), value.origin());
  for (const std::vector<Setting>* settings : {&trial.point, &trial.repeat})
    for (const Setting& s : *settings) add(s.key, s.value, s.origin);
  return text;
}

Setup prepared(const SweepSpec& spec, const Trial& trial, const fs::path& run) {
  try {
    return prepare(source_of(spec, trial, run));
  } catch (const Error& error) { fail(error.kind(), {.message = with_places(error.what(), spec, trial)}); }
}

}  // namespace

std::string SweepDirectory::frozen(const Trial& trial) const try {
  return write_yaml(prepare_model(source_of(spec_, trial, run_of(trial.number))).root);
} catch (const Error& error) {
  fail(error.kind(), {.where = fmt::format("trial {} ({})", trial_name(trial.number), trial.point_text()), .message = with_places(error.what(), spec_, trial)});
}

void SweepDirectory::freeze(const std::vector<Trial>& trials, int threads) const {
  std::vector<std::string> configs(trials.size());
  side_by_side(trials.size(), threads, [&](size_t i) { configs[i] = frozen(trials[i]); });
  const Directory directory(path_ / "trials");
  side_by_side(trials.size(), file_threads, [&](size_t i) {
    const std::string name = trial_name(trials[i].number) + ".yaml";
    if (directory.contains(name)) directory.remove_file(name);
    directory.write(name, configs[i]);
  });
  directory.sync();
}

SweepDirectory SweepDirectory::plan(const SweepSpec& spec, const fs::path& path) {
  check_sweep(spec);
  const int threads = kernels::max_threads();   // before the config of a trial says how many it is given
  SweepDirectory sweep;
  sweep.path_ = path;
  sweep.spec_ = spec;
  if (!spec.population) sweep.spec_.jobs = jobs_of(spec);
  sweep.spec_.threads = threads_of(spec);
  if (spec.method != SweepMethod::tpe) sweep.trials_ = choose_trials(spec);
  if (fs::exists(path / "sweep.yaml"))
    fail(ErrorKind::cannot_create, {.where = path.string(), .message = "holds a sweep already",
                                    .hint = fmt::format("nnx-train sweep resume {} goes on with it, --output plans another one", path.string())});
  // The first trial is prepared with its data, which also settles where relative paths start.
  const Trial first = sweep.trials_.empty() ? Trial{} : sweep.trials_[0];
  const Setup setup = prepared(spec, first, sweep.run_of(0));
  check_metric(spec, setup);
  const auto is_set = [&](std::string_view key) { return std::ranges::any_of(spec.settings, [&](const auto& s) { return s.first == key; }); };
  if (setup.config.data.folder && !is_set("data.folder")) sweep.spec_.settings.emplace_back("data.folder", ConfigNode(*setup.config.data.folder));
  if (!is_set("train.threads") && (spec.threads || !setup.config.train.threads))
    sweep.spec_.settings.emplace_back("train.threads", ConfigNode(std::to_string(*sweep.spec_.threads)));

  const Directory directory = Directory::made(path);
  Directory::made(path / "trials");
  sweep.freeze(sweep.trials_, threads);
  std::string lines;
  for (const Trial& trial : sweep.trials_) lines += line_of(trial);
  if (directory.contains("trials.jsonl")) directory.remove_file("trials.jsonl");
  directory.write("trials.jsonl", lines);
  directory.write("sweep.yaml", write_yaml(to_config(sweep.spec_)));   // last: a sweep that has it is whole
  directory.sync();
  return sweep;
}

SweepDirectory::SweepDirectory(fs::path path) : path_(std::move(path)) {
  if (!fs::exists(path_ / "sweep.yaml"))
    fail(ErrorKind::missing, {.where = path_.string(), .message = "is no sweep: it has no sweep.yaml", .hint = "nnx-train sweep plan makes one"});
  Diagnostics diagnostics;
  spec_ = read<SweepSpec>(load_file((path_ / "sweep.yaml").string()), diagnostics);
  diagnostics.throw_if_any();
  trials_ = read_trials(path_ / "trials.jsonl");
}

void SweepDirectory::add(const std::vector<Trial>& trials) {
  freeze(trials, kernels::max_threads());
  for (const Trial& trial : trials) {
    check(trial.number == static_cast<int64_t>(trials_.size()), "trials are numbered in order");
    trials_.push_back(trial);
  }
  std::string lines;
  for (const Trial& trial : trials_) lines += line_of(trial);
  const Directory directory(path_);
  if (directory.contains(".tmp.trials")) directory.remove_file(".tmp.trials");
  directory.write(".tmp.trials", lines);
  directory.rename_over(".tmp.trials", "trials.jsonl");
  directory.sync();
}

// ---- how a trial stands

TrialResult SweepDirectory::result(int64_t number) const {
  const fs::path run = run_of(number);
  const auto [split, metric] = metric_name(spec_);
  TrialResult result;
  std::error_code none;
  result.status = is_locked(run) ? "running" : fs::exists(run / "manifest.json", none) ? "stopped" : "planned";
  std::ifstream metrics(run / "metrics.jsonl");
  for (std::string line; std::getline(metrics, line);) {
    const Json record = Json::parse(line, nullptr, false);
    if (record.is_discarded()) break;   // being written
    if (record.value("split", "") != split || !record.contains(metric)) continue;
    if (const auto value = finite(record[metric])) result.by_epoch[record.value("epoch", int64_t{0})] = *value;
  }
  std::ifstream timings(run / "timings.jsonl");
  for (std::string line; std::getline(timings, line);) {
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_discarded()) result.seconds += record.value("seconds", 0.0);
  }
  const Json summary = Json::parse(read_text(run / "summary.json"), nullptr, false);
  if (summary.is_discarded() || result.status == "running") return result;
  const std::string status = summary.value("status", "");
  result.reason = summary.value("reason", "");
  result.epochs = summary.value("epochs", int64_t{0});
  result.steps = summary.value("steps", int64_t{0});
  result.status = status == "interrupted" ? (result.reason == "pruned" ? "pruned" : "stopped") : status;
  if (summary.contains(split) && summary[split].is_object()) result.value = finite(summary[split].value(metric, Json()));
  return result;
}

}  // namespace nnx
