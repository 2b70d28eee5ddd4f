#include "train/bench.h"

#include <cstdio>
#include <memory>

#include "commands.h"

namespace nnx {

void add_bench(CLI::App& app, Action& action) {
  struct Arguments {
    ConfigOptions config;
    BenchOptions options;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("bench", "Time the training step of a config");
  arguments->config.add_to(*command);
  command->add_option("--steps", arguments->options.steps, "Timed steps; default: as many as fit --seconds")
      ->check(CLI::PositiveNumber);
  command->add_option("--seconds", arguments->options.seconds, "How long to measure")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      Setup setup = prepare(arguments->config.source());
      const BenchResult result = bench(setup, arguments->options);
      std::fputs((arguments->json ? to_json(result) : to_string(result)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
