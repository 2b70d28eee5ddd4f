#include "train/inspect.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "commands.h"
#include "train/console.h"

namespace nnx {

void add_inspect(CLI::App& app, Action& action) {
  struct Arguments {
    std::string run, step;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a run has learned: its model, State and layers");
  command->add_option("run", arguments->run, "The run directory, or one of its checkpoints")->required();
  command->add_option("--step", arguments->step, "The checkpoint of a step, or best; default: the newest");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      const Inspection seen = inspect(arguments->run, arguments->step);
      Console console(stderr);
      for (const std::string& note : seen.notes) console.warning(note);
      const char* no_color = std::getenv("NO_COLOR");
      const bool color = ::isatty(STDOUT_FILENO) && !(no_color && *no_color);
      std::fputs((arguments->json ? to_json(seen) + "\n" : to_text(seen, color)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
