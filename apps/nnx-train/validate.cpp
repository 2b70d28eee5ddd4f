#include <cstdio>
#include <memory>

#include "commands.h"
#include "config/write.h"
#include "train/setup.h"

namespace nnx {

void add_validate(CLI::App& app, Action& action) {
  struct Arguments {
    ConfigOptions config;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("validate", "Check a config, its data and the shapes of its model without training");
  arguments->config.add_to(*command);
  command->add_flag("--json", arguments->json, "Print the resolved config as JSON, not as YAML");
  command->footer(exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      const Setup setup = prepare(arguments->config.source());
      std::fputs((arguments->json ? to_json(setup.resolved) : write_yaml(setup.resolved)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
