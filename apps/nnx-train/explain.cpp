#include <cstdio>
#include <memory>

#include "commands.h"
#include "train/catalog.h"

namespace nnx {

void add_explain(CLI::App& app, Action& action) {
  struct Arguments {
    std::vector<std::string> words;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "explain", "Say what a layer, loss, optimizer, schedule, initializer, reader, config key or exit code is");
  command->add_option("name", arguments->words, "Linear, adam, csv, data.batch_size, 78, ...")->required();
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer("Examples:\n  nnx-train explain BatchNorm\n  nnx-train explain optimizer.learning_rate\n"
                  "  nnx-train explain 78\n");
  command->callback([arguments, &action] {
    action = [arguments] {
      // `explain layer Linear` says the same as `explain Linear`.
      const std::string& name = arguments->words.back();
      std::fputs((arguments->json ? explain_json(name) : explain(name)).c_str(), stdout);
      return 0;
    };
  });
}

void add_layers(CLI::App& app, Action& action) {
  auto json = std::make_shared<bool>(false), all = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("layers", "List the layers that a config can name");
  command->add_flag("--all", *all, "Losses, optimizers, schedules, initializers and readers as well");
  command->add_flag("--json", *json, "Print JSON");
  command->footer("Example:\n  nnx-train layers --all\n");
  command->callback([json, all, &action] {
    action = [json, all] {
      const std::string only = *all ? "" : "layer";
      std::fputs((*json ? catalog_json(only) : catalog_text(only)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
