#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "sweep/emit.h"
#include "sweep/leaderboard.h"
#include "sweep/population_runner.h"
#include "sweep/run_trial.h"
#include "sweep/runner.h"
#include "sweep/study.h"
#include "train/console.h"
#include "train/signals.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;

// What `sweep` and `sweep plan` take: a file, or the short form, or both.
struct SweepArguments {
  std::string output, emit, method, metric, goal;
  std::vector<std::string> configs, overlays, words;
  int64_t trials = 0, seed = -1;
  int jobs = 0, threads = 0;
  bool json = false, population = false;
};

std::string this_program() { return fs::read_symlink("/proc/self/exe").string(); }

void add_plan_options(CLI::App& command, SweepArguments& a) {
  command.add_option("spec", a.words, "The sweep file, and key=value arguments: values, lists (32,64), log(a,b), uniform(a,b), int(a,b), range(a,b,step)");
  command.add_option("-c,--config", a.configs, "A config file that every trial starts from, instead of a sweep file")->allow_extra_args(false);
  command.add_option("--overlay", a.overlays, "An overlay on top of it, for every trial")->allow_extra_args(false);
  command.add_option("-o,--output", a.output, "The folder of the sweep; default: sweeps/<name>");
  command.add_option("--trials", a.trials, "How many trials; repeats count as one")->check(CLI::PositiveNumber);
  command.add_option("--method", a.method, "grid, random, sobol, list or tpe");
  command.add_option("--metric", a.metric, "What the sweep goes by, as validation.accuracy");
  command.add_option("--goal", a.goal, "minimize or maximize");
  command.add_option("--seed", a.seed, "Of the choice of trials")->check(CLI::NonNegativeNumber);
  command.add_option("--jobs", a.jobs, "Trials at a time")->check(CLI::PositiveNumber);
  command.add_option("--threads", a.threads, "Threads of a trial")->check(CLI::PositiveNumber);
  command.add_flag("--population", a.population, "Train trials that differ only in numbers as one compiled step");
  command.add_flag("--json", a.json, "Print JSON");
}

// An option's word, read as the same key of a sweep file is.
template <class Enum> Enum choice_of(const char* option, const std::string& text) {
  Diagnostics diagnostics;
  const Origin origin{.source = std::make_shared<const std::string>(option), .argument = true};
  const Enum choice = read<Enum>(ConfigNode::scalar(text, true, origin, {}), diagnostics);
  try {
    diagnostics.throw_if_any();
  } catch (const Error& error) { fail(ErrorKind::usage, {.message = error.what()}); }
  return choice;
}

SweepSpec spec_of(const SweepArguments& a) {
  std::vector<std::string> words = a.words;
  SweepSpec spec;
  if (a.configs.empty()) {
    if (words.empty() || words[0].find('=') != std::string::npos)
      fail(ErrorKind::usage, {.where = "sweep", .expected = "a sweep file, or --config and what varies", .got = words.empty() ? "neither" : in_quotes(words[0])});
    spec = read_sweep(words[0]);
    words.erase(words.begin());
  } else {
    spec.base = a.configs;
    spec.name = fs::path(a.configs[0]).stem().string();
  }
  add_arguments(spec, words);
  spec.overlays.insert(spec.overlays.end(), a.overlays.begin(), a.overlays.end());
  if (a.trials > 0) spec.run_cap = a.trials;
  if (!a.method.empty()) spec.method = choice_of<SweepMethod>("--method", a.method);
  if (!a.metric.empty()) spec.metric.name = a.metric;
  if (!a.goal.empty()) spec.metric.goal = choice_of<Goal>("--goal", a.goal);
  if (a.seed >= 0) spec.seed = a.seed;
  if (a.population) spec.population = true;
  if (a.jobs > 0) spec.jobs = a.jobs;
  if (a.threads > 0) spec.threads = a.threads;
  if (!a.configs.empty() && a.method.empty() && !spec.run_cap) spec.method = SweepMethod::grid;   // lists alone are a grid
  return spec;
}

SweepDirectory plan(const SweepArguments& a) {
  const SweepSpec spec = spec_of(a);
  return SweepDirectory::plan(spec, a.output.empty() ? fs::path("sweeps") / spec.name : fs::path(a.output));
}

int run(SweepDirectory& sweep, int jobs, bool json, const std::vector<std::string>& argv) {
  install_signals();
  Console console(stderr);
  const auto total = sweep.spec().method == SweepMethod::tpe ? *sweep.spec().run_cap * count_repeats(sweep.spec()) : static_cast<int64_t>(sweep.trials().size());
  const bool population = sweep.spec().population;
  const std::string how = population ? "as a population" : fmt::format("{} at a time", jobs > 0 ? jobs : jobs_of(sweep.spec()));
  console.message(fmt::format("sweep {}: {} trials, {}", sweep.path().string(), total, how));
  const RunnerOptions options{.program = this_program(), .argv = argv, .jobs = jobs, .stop = stop_signal,
                              .message = [&](const std::string& line) { console.message(line); }};
  const SweepOutcome outcome = population ? run_populations(sweep, options) : run_sweep(sweep, options);
  const Leaderboard board = leaderboard(sweep);
  std::fputs((json ? to_json(board) : to_text(board, 10)).c_str(), stdout);
  if (outcome.status == "completed") return 0;
  console.warning(fmt::format("{}: {} of {} trials have finished; nnx-train sweep resume {} goes on", outcome.status, outcome.finished, outcome.total, sweep.path().string()));
  return outcome.status == "interrupted" ? exit_code(ErrorKind::busy) : exit_code(ErrorKind::internal);
}

void add_start(CLI::App& sweep, Action& action, const std::vector<std::string>& argv) {
  auto a = std::make_shared<SweepArguments>();
  CLI::App* command = sweep.add_subcommand("start", "Plan a sweep and run it (what happens without a verb)");
  add_plan_options(*command, *a);
  command->callback([a, argv, &action] {
    action = [a, argv] {
      SweepDirectory planned = plan(*a);
      return run(planned, a->jobs, a->json, argv);
    };
  });
}

void add_plan_only(CLI::App& sweep, Action& action) {
  auto a = std::make_shared<SweepArguments>();
  CLI::App* command = sweep.add_subcommand("plan", "Freeze the config of every trial and run nothing");
  add_plan_options(*command, *a);
  command->add_option("--emit", a->emit, "slurm or parallel: print what runs the trials there");
  command->callback([a, &action] {
    action = [a] {
      const SweepDirectory planned = plan(*a);
      if (!a->emit.empty()) {
        std::fputs(emit_sweep(planned, a->emit, this_program()).c_str(), stdout);
        return 0;
      }
      if (a->json) {
        std::fputs((nlohmann::ordered_json{{"sweep", planned.path().string()}, {"trials", planned.trials().size()}}.dump() + "\n").c_str(), stdout);
        return 0;
      }
      for (const Trial& trial : planned.trials()) {
        std::string text = trial.point_text();
        for (const Setting& s : trial.repeat) text += " " + s.key + "=" + s.value;
        std::fputs(fmt::format("{}  {}\n", planned.config_of(trial.number).string(), text).c_str(), stdout);
      }
      std::fputs(fmt::format("{} trials; nnx-train sweep run {} runs them\n", planned.trials().size(), planned.path().string()).c_str(), stderr);
      return 0;
    };
  });
}

struct FolderArguments {
  std::string folder;
  int64_t index = 0;
  size_t top = 0;
  int jobs = 0;
  bool json = false, csv = false;
};

std::shared_ptr<FolderArguments> folder_command(CLI::App* command) {
  auto a = std::make_shared<FolderArguments>();
  command->add_option("folder", a->folder, "The folder of the sweep")->required();
  return a;
}

void add_run(CLI::App& sweep, Action& action, const std::vector<std::string>& argv, const char* name, const char* help) {
  CLI::App* command = sweep.add_subcommand(name, help);
  auto a = folder_command(command);
  command->add_option("--jobs", a->jobs, "Trials at a time; default: as planned")->check(CLI::PositiveNumber);
  command->add_flag("--json", a->json, "Print JSON");
  command->callback([a, argv, &action] {
    action = [a, argv] {
      SweepDirectory directory(a->folder);
      return run(directory, a->jobs, a->json, argv);
    };
  });
}

void add_run_one(CLI::App& sweep, Action& action, const std::vector<std::string>& argv) {
  CLI::App* command = sweep.add_subcommand("run-one", "Run one trial in this process");
  auto a = folder_command(command);
  command->add_option("--index", a->index, "Which trial")->required()->check(CLI::NonNegativeNumber);
  command->add_flag("--json", a->json, "Print JSON");
  command->callback([a, argv, &action] {
    action = [a, argv] {
      install_signals();
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);   // a trial ends with its sweep, with a checkpoint to go on from
      const SweepDirectory directory(a->folder);
      if (a->index >= static_cast<int64_t>(directory.trials().size()))
        fail(ErrorKind::usage, {.where = "--index", .expected = fmt::format("a trial from 0 to {}", directory.trials().size() - 1), .got = std::to_string(a->index)});
      Console console(stderr);
      const TrialResult result = run_trial(directory, a->index, {.argv = argv, .observer = &console, .stop = [](int64_t) { return stop_signal(); }});
      record_study(directory, {a->index});
      const nlohmann::ordered_json json{{"trial", a->index}, {"status", result.status}, {"value", result.value ? nlohmann::ordered_json(*result.value) : nullptr}};
      std::fputs((a->json ? json.dump() + "\n" : fmt::format("trial {} {}\n", trial_name(a->index), result.status)).c_str(), stdout);
      return result.status == "stopped" ? exit_code(ErrorKind::busy) : 0;
    };
  });
}

void add_status(CLI::App& sweep, Action& action) {
  CLI::App* command = sweep.add_subcommand("status", "How the trials stand");
  auto a = folder_command(command);
  command->add_flag("--json", a->json, "Print JSON");
  command->callback([a, &action] {
    action = [a] {
      const SweepDirectory directory(a->folder);
      std::map<std::string, int64_t> counts;
      for (const Trial& trial : directory.trials()) ++counts[directory.result(trial.number).status];
      nlohmann::ordered_json json{{"sweep", a->folder}, {"trials", directory.trials().size()}, {"by_status", counts}};
      std::string text = fmt::format("{} trials\n", directory.trials().size());
      for (const auto& [status, count] : counts) text += fmt::format("{:>6} {}\n", count, status);
      std::fputs((a->json ? json.dump(2) + "\n" : text).c_str(), stdout);
      return 0;
    };
  });
}

void add_leaderboard(CLI::App& sweep, Action& action) {
  CLI::App* command = sweep.add_subcommand("leaderboard", "The trials by their metric, and how to train the best again");
  auto a = folder_command(command);
  a->top = 10;
  command->add_option("--top", a->top, "How many rows; 0: all")->capture_default_str();
  command->add_flag("--json", a->json, "Print JSON");
  command->add_flag("--csv", a->csv, "Print CSV")->excludes("--json");
  command->callback([a, &action] {
    action = [a] {
      const Leaderboard board = leaderboard(SweepDirectory(a->folder));
      std::fputs((a->json ? to_json(board) : a->csv ? to_csv(board) : to_text(board, a->top)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace

void add_sweep(CLI::App& app, Action& action, const std::vector<std::string>& argv) {
  CLI::App* sweep = app.add_subcommand("sweep", "Train many variants of a config and compare them");
  sweep->require_subcommand(1);
  sweep->footer("Example:\n  nnx-train sweep -c configs/mlp.yaml data.validation=0.1 'optimizer.learning_rate=log(1e-4,1e-1)' --trials 20\n");
  add_start(*sweep, action, argv);
  add_plan_only(*sweep, action);
  add_run(*sweep, action, argv, "run", "Run a planned sweep; trials that have finished are not run again");
  add_run(*sweep, action, argv, "resume", "The same as run");
  add_run_one(*sweep, action, argv);
  add_status(*sweep, action);
  add_leaderboard(*sweep, action);
}

}  // namespace nnx
