#include "train/merge_lora.h"

#include <cstdio>
#include <memory>

#include "commands.h"

namespace nnx {

void add_merge_lora(CLI::App& app, Action& action, const std::vector<std::string>& argv) {
  struct Arguments {
    std::string run, output, step;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("merge-lora", "Write a run with adapters as a run of the plain model");
  command->add_option("run", arguments->run, "The run directory")->required();
  command->add_option("-o,--output", arguments->output, "The run directory that is written")->required();
  command->add_option("--step", arguments->step, "The checkpoint of a step, or best; default: the newest");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(exit_codes_text);
  command->callback([arguments, argv, &action] {
    action = [arguments, argv] {
      const MergeReport report = merge_lora_run(
          {.run = arguments->run, .output = arguments->output, .step = arguments->step, .argv = argv});
      std::fputs((arguments->json ? to_json(report) : to_text(report)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
