#include <cstdio>
#include <memory>

#include "commands.h"
#include "train/console.h"
#include "train/signals.h"

namespace nnx {
namespace {

struct TrainArguments {
  ConfigOptions config;
  std::string resume;
  bool json = false, dry_run = false;
};

// Everything up to the first step: what would be changed and trained.
int dry_run(const TrainSource& source, bool json) {
  const Setup setup = prepare(source);
  SurgeryPlan plan = setup.plan.value_or(SurgeryPlan{});
  if (!setup.plan) {
    plan.parameters = state(setup.model, of<Param>).elements();
    plan.trainable = setup.optimizer->parameters().elements();
  }
  std::fputs(to_text(plan).c_str(), stderr);
  if (json) std::fputs(to_json(plan).c_str(), stdout);
  return 0;
}

int run(const TrainArguments& arguments, const std::vector<std::string>& argv) {
  install_signals();
  const TrainSource source = arguments.config.source();
  Console console(stderr);
  if (const std::string directory = output_dir_of(source); !directory.empty()) console.message("run " + directory);
  if (arguments.dry_run) return dry_run(source, arguments.json);
  TrainOptions options{.argv = argv, .observer = &console, .stop = [](int64_t) { return stop_signal(); }};
  if (!arguments.resume.empty()) options.resume = arguments.resume;
  const Summary summary = run_training(source, options);
  std::fputs((arguments.json ? to_json(summary) : summary_text(summary)).c_str(), stdout);
  return summary.status == "interrupted" ? exit_code(ErrorKind::busy) : 0;
}

}  // namespace

void add_train(CLI::App& app, Action& action, const std::vector<std::string>& argv) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Train a model from a config (what happens without a subcommand)");
  arguments->config.add_to(*command);
  command->add_option("--resume", arguments->resume,
                      "auto: go on with the run, or start it; last: go on, or fail; or one of its checkpoints");
  command->add_flag("-n,--dry-run", arguments->dry_run, "Say what the surgery of the config does and what is trained, and stop");
  command->add_flag("--json", arguments->json, "Print the summary, or with --dry-run the plan, as JSON");
  command->footer(exit_codes_text);
  command->callback([arguments, argv, &action] { action = [arguments, argv] { return run(*arguments, argv); }; });
}

}  // namespace nnx
