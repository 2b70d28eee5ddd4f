#include "train/render.h"

#include <cstdio>
#include <memory>

#include "commands.h"
#include "train/console.h"
#include "train/diff.h"
#include "train/schema.h"
#include "train/starter.h"

namespace nnx {

void add_render(CLI::App& app, Action& action) {
  struct Arguments {
    ConfigOptions config;
    RenderOptions options;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("render", "Print the config that files, overlays and arguments come to");
  arguments->config.add_to(*command);
  command->add_flag("--origin", arguments->options.origin, "Say behind each value where it came from");
  command->add_flag("--comments", arguments->options.comments, "Say above each key what it means");
  command->add_flag("--json", arguments->json, "Print JSON: the config, and each leaf with its origin and help");
  command->footer("Example:\n  nnx-train render configs/mlp.yaml optimizer.b1=0.8 --origin\n");
  command->callback([arguments, &action] {
    action = [arguments] {
      const Setup setup = prepare(arguments->config.source());
      Console console(stderr);
      for (const std::string& note : setup.diagnostics.notes()) console.warning(note);
      std::fputs((arguments->json ? render_json(setup) : to_yaml(setup, arguments->options)).c_str(), stdout);
      return 0;
    };
  });
}

void add_diff(CLI::App& app, Action& action) {
  struct Arguments {
    std::string before, after;
    bool json = false, exit_code = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("diff", "Say how two configs, runs or checkpoints differ");
  command->add_option("before", arguments->before, "A config file, a run or a checkpoint")->required();
  command->add_option("after", arguments->after, "Another one of the same sort")->required();
  command->add_flag("--exit-code", arguments->exit_code, "Exit with 1 when they differ");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->footer("Example:\n  nnx-train diff configs/mlp.yaml configs/regression.yaml\n");
  command->callback([arguments, &action] {
    action = [arguments] {
      const Difference found = difference(arguments->before, arguments->after);
      Console console(stderr);
      for (const std::string& note : found.notes) console.warning(note);
      std::fputs((arguments->json ? to_json(found) : to_text(found)).c_str(), stdout);
      return arguments->exit_code && !found.equal() ? 1 : 0;
    };
  });
}

void add_schema(CLI::App& app, Action& action) {
  auto overlay = std::make_shared<bool>(false), json = std::make_shared<bool>(false);
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("schema", "Print the JSON Schema of a config, for editors");
  command->add_option("config", *files, "Config files whose Module types the schema is to know, with their arguments");
  command->add_flag("--overlay", *overlay, "The schema of an overlay, where no key is required")->excludes("config");
  command->add_flag("--json", *json, "The schema is JSON anyhow");
  command->footer("Examples:\n  nnx-train schema > nnx.schema.json\n  nnx-train schema configs/mlp.yaml > mlp.schema.json\n");
  command->callback([overlay, files, &action] {
    action = [overlay, files] {
      std::fputs((*overlay ? overlay_schema() : files->empty() ? config_schema() : config_schema(*files)).c_str(), stdout);
      return 0;
    };
  });
}

void add_init(CLI::App& app, Action& action) {
  struct Arguments {
    StarterOptions options;
    std::string data;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("init", "Print a first config for a CSV file, ready to train and to edit");
  command->add_option("--data", arguments->data, "The CSV file, with a header line; plain or gzip")->required();
  command->add_option("--target", arguments->options.target, "The column to predict")->required();
  command->add_option("--delimiter", arguments->options.delimiter, "The character between fields; \\t for tabs")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print JSON: the config as a text, and what was found in the file");
  command->footer("Example:\n  nnx-train init --data data/digits-train.csv --target digit\n");
  command->callback([arguments, &action] {
    action = [arguments] {
      arguments->options.data = arguments->data;
      const Starter starter = starter_config(arguments->options);
      std::fputs((arguments->json ? to_json(starter) : starter.yaml).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace nnx
