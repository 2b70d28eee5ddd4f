// SweepSpec is what a sweep is asked to try: a base config, what varies and how, and what counts as better.
//
//   # sweeps/digits.yaml                      the same on the command line:
//   base: [configs/mlp.yaml]                  nnx-train sweep -c configs/mlp.yaml data.validation=0.1 --trials 20
//   parameters:                                 'optimizer.learning_rate=log(1e-4,1e-1)' 'data.batch_size=32,64'
//     optimizer.learning_rate: {min: 1e-4, max: 1e-1, distribution: log_uniform_values}
//     data.batch_size: {values: [32, 64]}
//   method: random
//   run_cap: 20
//
// The names are those of W&B's sweep files, parameters are paths of config keys; the parameter `overlay` names overlay
// files, or `none`. What is not a parameter is set for all trials in `settings`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/read.h"

namespace nnx {

enum class SweepMethod { grid, random, sobol, list, tpe };
inline std::vector<std::string_view> enum_names(SweepMethod) { return {"grid", "random", "sobol", "list", "tpe"}; }

enum class Spread { uniform, log_uniform_values, int_uniform, q_uniform };
inline std::vector<std::string_view> enum_names(Spread) {
  return {"uniform", "log_uniform_values", "int_uniform", "q_uniform"};
}

// Either `values`, or a range from `min` to `max`.
struct ParameterSpec {
  std::optional<std::vector<ConfigNode>> values;
  std::optional<double> min, max;
  Spread distribution = Spread::uniform;
  double q = 1;

  static void fields(auto& self, auto&& f) {
    f("values", self.values, Field{.help = "the values to try"});
    f("min", self.min, Field{.help = "the smallest value of a range"});
    f("max", self.max, Field{.help = "the largest value of a range"});
    f("distribution", self.distribution, Field{.help = "how a range is drawn from"});
    f("q", self.q, Field{.help = "q_uniform: values are multiples of it"}.above(0));
  }
};

enum class Goal { minimize, maximize };
inline std::vector<std::string_view> enum_names(Goal) { return {"minimize", "maximize"}; }

struct MetricSpec {
  std::string name = "validation.loss";
  std::optional<Goal> goal;   // loss is minimized, everything else maximized

  static void fields(auto& self, auto&& f) {
    f("name", self.name, Field{.help = "a metric of summary.json: split.metric"});
    f("goal", self.goal, Field{.help = "minimize or maximize; null: minimize a loss, maximize anything else"});
  }
  bool maximize() const;
};

// Successive halving without waiting (ASHA): a trial goes on past epoch min_epochs * eta^i only when it is among the best
// 1/eta of all that have come that far. Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020).
struct EarlyTerminate {
  std::string type = "asha";
  int64_t min_epochs = 1;
  int64_t eta = 3;

  static void fields(auto& self, auto&& f) {
    f("type", self.type, Field{.help = "the rule"}.among({"asha", "hyperband"}));
    f("min_epochs", self.min_epochs, Field{.help = "epochs that every trial gets"}.at_least(1));
    f("eta", self.eta, Field{.help = "one in so many goes on"}.at_least(2));
  }
};

enum class OnFailure { go_on, stop };
inline std::vector<std::string_view> enum_names(OnFailure) { return {"continue", "stop"}; }

using Assignments = std::vector<std::pair<std::string, ConfigNode>>;   // key path to value, in the order of the file

struct SweepSpec {
  std::string name;
  std::vector<std::string> base, overlays;
  SweepMethod method = SweepMethod::random;
  MetricSpec metric;
  std::vector<std::pair<std::string, ParameterSpec>> parameters;
  std::vector<Assignments> paired, trials;
  std::vector<std::pair<std::string, std::vector<ConfigNode>>> repeats;
  Assignments settings;
  std::optional<EarlyTerminate> early_terminate;
  std::optional<int64_t> run_cap;
  OnFailure on_failure = OnFailure::go_on;
  int64_t seed = 0;
  bool population = false;
  std::optional<int> jobs, threads;
  std::map<std::string, Origin> written;   // by key path ("parameters.lr"): where each part stands, for messages

  static void fields(auto& self, auto&& f) {
    f("name", self.name, Field{.help = "the sweep lies in sweeps/<name>; empty: the name of the file"});
    f("base", self.base, Field{.help = "the config files that every trial starts from"}.must());
    f("overlays", self.overlays, Field{.help = "overlays on top of them, for every trial"});
    f("method", self.method, Field{.help = "how trials are chosen"});
    f("metric", self.metric);
    f("parameters", self.parameters, Field{.help = "what varies: config keys with values or a range"});
    f("paired", self.paired, Field{.help = "settings that vary together: a list of maps"});
    f("trials", self.trials, Field{.help = "method list: the settings of each trial"});
    f("repeats", self.repeats, Field{.help = "keys, usually the seed, that each trial is repeated over"});
    f("settings", self.settings, Field{.help = "config keys that are the same for every trial"});
    f("early_terminate", self.early_terminate, Field{.help = "stops trials that fall behind; null: never"});
    f("run_cap", self.run_cap, Field{.help = "the most trials; repeats count as one"}.at_least(1));
    f("on_failure", self.on_failure, Field{.help = "whether the sweep goes on after a trial that fails"});
    f("seed", self.seed, Field{.help = "of the choice of trials"}.at_least(0));
    f("population", self.population, Field{.help = "train trials that differ only in numbers as one compiled step"});
    f("jobs", self.jobs, Field{.help = "trials at a time; null: one a processor, of a population all"}.at_least(1).at_most(1024));
    f("threads", self.threads, Field{.help = "threads of a trial or population; null: processors / jobs, of a population all"}.at_least(1).at_most(1024));
  }
};

inline constexpr int64_t max_trials = 100'000;

// The spec of a file; relative paths of configs are tried from the working directory, then from the folder of the file.
// Throws ConfigError with everything that is wrong.
SweepSpec read_sweep(const std::string& file);

// Adds key=value arguments: a parameter when the value is a list (`32,64`), log(a,b), uniform(a,b), int(a,b) or
// range(a,b,step), otherwise a setting for all trials. What the spec had under that key is replaced. Throws
// ErrorKind::usage.
void add_arguments(SweepSpec& spec, const std::vector<std::string>& arguments);

// Checks that no single key can make. Throws ConfigError with all that is wrong, at its place.
void check_sweep(const SweepSpec& spec);
// Where `key` was written, else what it would stand in.
Origin origin_of(const SweepSpec& spec, std::string key);
// Throws ErrorKind::config there.
[[noreturn]] void fail_at(const SweepSpec& spec, const std::string& key, ErrorParts parts);

}  // namespace nnx
