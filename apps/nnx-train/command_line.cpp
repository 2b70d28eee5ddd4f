#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <sstream>

#include "base/error.h"
#include "command_line.h"
#include "commands.h"
#include "train/environment.h"

namespace nnx {
namespace {

constexpr const char* examples_text =
    "Examples:\n"
    "  nnx-train --config configs/mlp.yaml\n"
    "  nnx-train --config configs/mlp.yaml train.epochs=3 output_dir=runs/short\n"
    "  nnx-train --config configs/mlp.yaml --resume auto\n"
    "  nnx-train eval runs/mlp --split test\n"
    "  nnx-train --config configs/mlp.yaml --overlay configs/overlays/quick.yaml\n"
    "  nnx-train validate configs/mlp.yaml\n"
    "  nnx-train init --data data/digits-train.csv --target digit\n"
    "  nnx-train explain optimizer.learning_rate\n\n";

// One line an error, each with the program's name, so that logs can be searched.
int report(const std::string& name, const std::string& text, int code) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    std::fprintf(stderr, "%s: error: %s\n", name.c_str(), line.c_str());
  return code;
}

// Without a subcommand the arguments are those of `train`.
std::vector<std::string> with_command(const CLI::App& app, std::vector<std::string> arguments) {
  const std::string& first = arguments[0];
  if (first == "--man") arguments[0] = "man";
  if (first == "-h" || first == "--help" || first == "--version") return arguments;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), first) != names.end()) return arguments;
  if (!first.starts_with('-') && first.find('=') == std::string::npos) {
    const std::string near = nearest(first, names);
    fail(ErrorKind::usage, {.message = "there is no subcommand " + in_quotes(first),
                            .hint = near.empty() ? "see " + app.get_name() + " --help" : "did you mean '" + near + "'?"});
  }
  arguments.insert(arguments.begin(), "train");
  return arguments;
}

// `sweep SPEC` is `sweep start SPEC`.
std::vector<std::string> with_sweep_verb(const CLI::App& app, std::vector<std::string> arguments) {
  if (arguments[0] != "sweep" || (arguments.size() > 1 && (arguments[1] == "-h" || arguments[1] == "--help"))) return arguments;
  const auto verbs = app.get_subcommand("sweep")->get_subcommands([](const CLI::App*) { return true; });
  const bool given = arguments.size() > 1 && std::ranges::any_of(verbs, [&](const CLI::App* verb) { return verb->get_name() == arguments[1]; });
  if (!given) arguments.insert(arguments.begin() + 1, "start");
  return arguments;
}

// What CLI11 says of a command line, with the nearest option for one that is not known.
std::string with_hint(const CLI::App& app, const std::string& message) {
  std::vector<std::string> names;
  const CLI::App* command = &app;  // the innermost one on the command line
  while (!command->get_subcommands().empty()) command = command->get_subcommands()[0];
  for (const CLI::Option* option : command->get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const size_t dashes = message.rfind("--");
  if (dashes == std::string::npos || message.find("not expected") == std::string::npos) return message;
  const std::string word = message.substr(dashes, message.find_first_of("= ", dashes) - dashes);
  const std::string near = nearest(word, names);
  return near.empty() ? message : message + "; did you mean '" + near + "'?";
}

int run(int argc, char** argv, const std::string& name) {
  CLI::App app(name + " trains neural networks described in YAML, on the CPU.", name);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", name + " " + version);
  app.footer(std::string(examples_text) + exit_codes_text);
  Action action;
  add_train(app, action, {argv, argv + argc});
  add_eval(app, action);
  add_merge_lora(app, action, {argv, argv + argc});
  add_validate(app, action);
  add_explain(app, action);
  add_layers(app, action);
  add_inspect(app, action);
  add_plan(app, action);
  add_bench(app, action);
  add_sweep(app, action, {argv, argv + argc});
  add_render(app, action);
  add_diff(app, action);
  add_schema(app, action);
  add_init(app, action);
  add_completion(app, action);
  add_man(app, action, name + " " + version);
  if (argc < 2) {
    std::fputs(app.help().c_str(), stderr);
    return exit_code(ErrorKind::usage);
  }
  std::vector<std::string> arguments = with_sweep_verb(app, with_command(app, {argv + 1, argv + argc}));
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return report(name, with_hint(app, error.what()), exit_code(ErrorKind::usage));
  }
  return action ? action() : 0;
}

}  // namespace

int run_command_line(int argc, char** argv, const std::string& name) {
  try {
    return run(argc, argv, name);
  } catch (const Error& error) {
    return report(name, error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return report(name, "out of memory", exit_code(ErrorKind::internal));
  } catch (const std::exception& error) {
    return report(name, std::string("internal error: ") + error.what(), exit_code(ErrorKind::internal));
  }
}

}  // namespace nnx
