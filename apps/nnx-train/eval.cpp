#include <cstdio>
#include <memory>

#include "commands.h"
#include "train/console.h"
#include "train/evaluate.h"

namespace nnx {

void add_eval(CLI::App& app, Action& action) {
  struct Arguments {
    EvalRequest request;
    std::string run;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("eval", "Evaluate the newest checkpoint of a run");
  command->add_option("run", arguments->run, "The run directory")->required();
  command->add_option("overrides", arguments->request.arguments,
                      "Values that replace those of the run's config: key.path=value");
  command->add_option("--split", arguments->request.split, "train, validation or test")->capture_default_str();
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      arguments->request.run = arguments->run;
      const EvalReport report = evaluate_run(arguments->request);
      Console console(stderr);
      for (const std::string& note : report.notes) console.warning(note);
      std::fputs((arguments->json ? to_json(report) : to_text(report)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
