// A population of digits models (learning rates x seeds) against the same trials one by one: each in a process of its own,
// and one after the other in this process. All in one go, with how far losses and accuracies are apart.
//
//   build/tests/bench_population build/nnx-train [trials] [epochs]      from the folder of the sources
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "sweep/population_runner.h"
#include "train/trainer.h"

namespace {

using namespace nnx;
namespace fs = std::filesystem;

double seconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

SweepSpec digits(int trials, const std::vector<std::string>& settings) {
  SweepSpec spec;
  spec.name = "population";
  spec.base = {"configs/mlp.yaml"};
  spec.method = SweepMethod::grid;
  spec.population = true;
  spec.metric.name = "test.accuracy";
  std::string seeds;
  for (int seed = 0; seed < std::max(1, trials / 8); ++seed) seeds += (seed ? "," : "") + std::to_string(seed);
  std::vector<std::string> arguments{"seed=" + seeds, "optimizer.learning_rate.init_value=5e-4,1e-3,2e-3,3e-3,4e-3,5e-3,7e-3,1e-2"};
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  add_arguments(spec, arguments);
  return spec;
}

// Arguments of trial `i` as a run of its own; one thread is the fastest for models as small as these.
std::vector<std::string> alone(const fs::path& folder, int64_t i) {
  return {"train.threads=1", "output_dir=" + (folder / std::to_string(i)).string()};
}

void run_process(const std::string& program, const std::string& config, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{program, "--config", config};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) ::posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  int status = 0;
  if (::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ) != 0 || ::waitpid(pid, &status, 0) != pid || status != 0) {
    fmt::print(stderr, "{} --config {} failed\n", program, config);
    std::exit(1);
  }
  ::posix_spawn_file_actions_destroy(&actions);
}

std::vector<double> losses(const fs::path& run) {
  std::ifstream in(run / "metrics.jsonl");
  std::vector<double> out;
  for (std::string line; std::getline(in, line);)
    if (const auto record = nlohmann::json::parse(line); record["split"] == "train") out.push_back(record["loss"]);
  return out;
}

double accuracy(const fs::path& run) {
  std::ifstream in(run / "summary.json");
  return nlohmann::json::parse(in)["test"]["accuracy"];
}

// Fifty steps with every loss on record: how far each trial is from a run of its own.
void compare_losses(const fs::path& folder, int trials) {
  const SweepDirectory sweep = SweepDirectory::plan(digits(trials, {"train.max_steps=50", "train.log_every=1"}), folder / "steps");
  run_populations(sweep, {});
  double first = 0, all = 0;
  for (const Trial& trial : sweep.trials()) {
    run_training({.files = {sweep.config_of(trial.number).string()}, .arguments = alone(folder / "steps-alone", trial.number)});
    const std::vector<double> got = losses(sweep.run_of(trial.number)), expected = losses(folder / "steps-alone" / std::to_string(trial.number));
    for (size_t step = 0; step < 50; ++step) {
      const double relative = std::abs(got.at(step) - expected.at(step)) / expected.at(step);
      all = std::max(all, relative);
      if (step < 5) first = std::max(first, relative);
    }
  }
  fmt::print("largest relative difference of a loss: {:.2g} in the first 5 steps, {:.2g} in 50\n", first, all);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) return fmt::print(stderr, "usage: bench_population NNX_TRAIN [trials] [epochs]\n"), 64;
  const int trials = argc > 2 ? std::atoi(argv[2]) : 64;
  const std::string epochs = argc > 3 ? argv[3] : "40";
  std::string name = (fs::temp_directory_path() / "nnx-population-XXXXXX").string();
  const fs::path folder = ::mkdtemp(name.data());
  std::optional<SweepDirectory> sweep;
  const double planning = seconds([&] { sweep.emplace(SweepDirectory::plan(digits(trials, {"train.epochs=" + epochs}), folder / "sweep")); });
  const auto each = [&](const auto& f) {
    for (const Trial& trial : sweep->trials()) f(trial.number, sweep->config_of(trial.number).string());
  };
  const double population = seconds([&] { run_populations(*sweep, {}); });
  const double processes = seconds([&] { each([&](int64_t i, const std::string& config) { run_process(argv[1], config, alone(folder / "processes", i)); }); });
  const double in_turn = seconds([&] {
    each([&](int64_t i, const std::string& config) { run_training({.files = {config}, .arguments = alone(folder / "in-turn", i)}); });
  });
  fmt::print("{} trials of {} epochs: population {:.2f} s (planned in {:.2f} s), {} processes {:.2f} s ({:.1f} times), one after the other in one process {:.2f} s ({:.1f} times)\n",
             sweep->trials().size(), epochs, population, planning, sweep->trials().size(), processes, processes / population, in_turn, in_turn / population);
  double worst = 0, sum = 0;
  each([&](int64_t i, const std::string&) {
    const double apart = accuracy(sweep->run_of(i)) - accuracy(folder / "processes" / std::to_string(i));
    worst = std::max(worst, std::abs(apart));
    sum += std::abs(apart);
  });
  fmt::print("test accuracies: {:.2f} points apart at most, {:.2f} on average\n", 100 * worst, 100 * sum / static_cast<double>(sweep->trials().size()));
  compare_losses(folder, trials);
  fs::remove_all(folder);
  return 0;
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return exit_code(error.kind());
}
