#include "train/inspect.h"

#include <cstdio>
#include <memory>

#include "base/terminal.h"
#include "commands.h"
#include "train/console.h"

namespace nnx {

void add_inspect(CLI::App& app, Action& action) {
  struct Arguments {
    std::string run, step, html, select;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a run has learned: its model, State and layers");
  command->add_option("run", arguments->run, "The run directory, or one of its checkpoints")->required();
  command->add_option("--step", arguments->step, "The checkpoint of a step, or best; default: the newest");
  command->add_option("--select", arguments->select, "Only what a selector matches: linear1, Param, {shape: ['*', 10]}");
  command->add_option("--html", arguments->html, "Write a web page to this file instead");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      const Inspection seen = inspect(arguments->run, arguments->step, arguments->select);
      Console console(stderr);
      for (const std::string& note : seen.notes) console.warning(note);
      if (!arguments->html.empty()) {
        write_page(arguments->html, to_html(seen));
        console.message("wrote " + arguments->html);
        return 0;
      }
      std::fputs((arguments->json ? to_json(seen) + "\n" : to_text(seen, has_color(stdout))).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
