#include "train/bench.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "commands.h"
#include "kernels/kernel.h"

namespace nnx {
namespace {

struct BenchArguments {
  ConfigOptions config;
  BenchOptions options;
  bool json = false;
};

BenchResult bench_of(const TrainSource& source, const BenchOptions& options) {
  const int threads = kernels::max_threads();
  Setup setup = prepare(source);
  BenchResult result = bench(setup, options);
  result.config = source.files.back();
  kernels::set_max_threads(threads);   // a config may have its own
  return result;
}

// The words are files, a workload each over what --config and --overlay say, and key=value arguments for all of them.
std::vector<TrainSource> workloads_of(const ConfigOptions& config) {
  std::vector<std::string> files;
  ConfigOptions common = config;
  common.words.clear();
  for (const std::string& word : config.words) (word.find('=') == std::string::npos ? files : common.words).push_back(word);
  std::vector<TrainSource> sources;
  for (const std::string& file : files) {
    ConfigOptions one = common;
    one.files.push_back(file);
    sources.push_back(one.source());
  }
  return sources;
}

void print_table(const std::vector<TrainSource>& workloads, const BenchOptions& options, bool json) {
  size_t width = 6;
  for (const TrainSource& source : workloads) width = std::max(width, source.files.back().size());
  std::string list = "[";
  if (!json) std::fputs(table_head(width).c_str(), stdout);
  for (const TrainSource& source : workloads) {
    const BenchResult result = bench_of(source, options);
    list += (list.size() > 1 ? ",\n" : "\n") + to_json(result);
    if (json) continue;
    std::fputs(table_line(result, width).c_str(), stdout);
    std::fflush(stdout);
  }
  if (json) std::fputs((list + "]\n").c_str(), stdout);
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command = app.add_subcommand("bench", "Time the training step of the config that --config names, or of several: a table of FILES");
  arguments->config.add_to(*command);
  command->add_option("--steps", arguments->options.steps, "Timed steps; default: as many as fit --seconds")
      ->check(CLI::PositiveNumber);
  command->add_option("--seconds", arguments->options.seconds, "How long to measure")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(std::string("Example:\n  nnx-train bench configs/bench/w1.yaml configs/bench/w2.yaml\n\n") + exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      const std::vector<TrainSource> workloads = workloads_of(arguments->config);
      if (!workloads.empty()) {
        print_table(workloads, arguments->options, arguments->json);
        return 0;
      }
      const BenchResult result = bench_of(arguments->config.source(), arguments->options);
      std::fputs((arguments->json ? to_json(result) : to_string(result)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
