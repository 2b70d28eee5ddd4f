#include <cstdio>
#include <memory>

#include "commands.h"
#include "train/console.h"
#include "train/estimate.h"

namespace nnx {

void add_validate(CLI::App& app, Action& action) {
  struct Arguments {
    ConfigOptions config;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "validate", "Check a config, its data and the shapes of its model without training; estimate the memory");
  arguments->config.add_to(*command);
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(std::string("Example:\n  nnx-train validate configs/mlp.yaml\n\n") + exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      Setup setup = prepare(arguments->config.source());
      Console console(stderr);
      for (const std::string& note : setup.diagnostics.notes()) console.warning(note);
      const Estimate found = estimate(setup);
      std::fputs((arguments->json ? to_json(found) : to_text(found)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
