#include <cstdio>
#include <memory>

#include "base/error.h"
#include "commands.h"
#include "nnx/display.h"
#include "nnx/html.h"
#include "train/bench.h"
#include "train/inspect.h"
#include "train/profile.h"

namespace nnx {
namespace {

struct PlanArguments {
  std::vector<std::string> files, overlays, words;
  std::string html, trace;
  bool json = false, profile = false;
  int64_t runs = 100;
};

// The words are a run directory, unless config files are given, and key=value arguments.
TrainSource source_of(const PlanArguments& arguments) {
  TrainSource source{.files = arguments.files, .overlays = arguments.overlays, .arguments = {}};
  for (const std::string& word : arguments.words) {
    if (word.find('=') != std::string::npos) source.arguments.push_back(word);
    else if (source.files.empty()) source = source_of_run(word, std::move(source.arguments));
    else
      fail(ErrorKind::usage,
           {.where = "plan", .expected = "one run directory, or --config", .got = in_quotes(word) + " besides"});
  }
  if (source.files.empty())
    fail(ErrorKind::usage, {.where = "plan", .expected = "a run directory, or --config", .got = "neither"});
  return source;
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<PlanArguments>();
  CLI::App* command = app.add_subcommand("plan", "Show what the compiled training step of a run or a config runs");
  command->add_option("run", arguments->words,
                      "The run directory, and values that replace those of the config: key.path=value");
  command->add_option("-c,--config", arguments->files, "A config file instead; several are merged in order")
      ->allow_extra_args(false);
  command->add_option("--html", arguments->html, "Write a web page to this file instead");
  CLI::Option* profile = command->add_flag("--profile", arguments->profile,
                                           "Run the step and show which parts of it take the time, the ten most expensive first");
  command->add_option("--runs", arguments->runs, "How often the step runs for --profile")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->needs(profile);
  command->add_option("--trace", arguments->trace, "Also write one run to this file, for chrome://tracing or Perfetto")
      ->needs(profile);
  command->add_option("--overlay", arguments->overlays, "Changes, merged after all configs")->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer(exit_codes_text);
  command->callback([arguments, &action] {
    action = [arguments] {
      Setup setup = prepare(source_of(*arguments));
      if (arguments->profile) {
        const PlanProfile result = nnx::profile(setup, arguments->runs);
        if (!arguments->trace.empty()) write_page(arguments->trace, to_trace(result));
        std::fputs((arguments->json ? to_json(result) + "\n" : to_string(result)).c_str(), stdout);
        return 0;
      }
      const TrainStep step = compiled_train_step(setup);
      const Plan& plan = *step.plan();
      if (!arguments->html.empty()) {
        write_page(arguments->html, display_html(plan, "The training step of " + setup.output_dir));
        return 0;
      }
      std::fputs((arguments->json ? to_json(plan.report()) + "\n" : display(plan, {.color = has_color(stdout)})).c_str(),
                 stdout);
      return 0;
    };
  });
}

}  // namespace nnx
