#include <cstdio>
#include <memory>

#include "commands.h"
#include "train/catalog.h"

namespace nnx {

void add_explain(CLI::App& app, Action& action) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "explain", "Say what a layer, loss, optimizer, schedule, initializer, reader or config key is");
  command->add_option("name", *name, "Linear, adam, csv, data.batch_size, ...")->required();
  command->callback([name, &action] {
    action = [name] {
      std::fputs(explain(*name).c_str(), stdout);
      return 0;
    };
  });
}

void add_layers(CLI::App& app, Action& action) {
  auto json = std::make_shared<bool>(false), all = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("layers", "List the layers that a config can name");
  command->add_flag("--all", *all, "Losses, optimizers, schedules, initializers and readers as well");
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json, all, &action] {
    action = [json, all] {
      const std::string only = *all ? "" : "layer";
      std::fputs((*json ? catalog_json(only) : catalog_text(only)).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
