// One function a subcommand: it adds its options to the program, and when it is chosen sets what is to be done.
//
//   void add_inspect(CLI::App& app, Action& action);      // in inspect.cpp, and one line in main.cpp
//
// An Action returns the exit code; an Error that it throws becomes a message and the code of its kind.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "train/setup.h"

namespace nnx {

using Action = std::function<int()>;

void add_train(CLI::App& app, Action& action, const std::vector<std::string>& argv);  // argv: for the manifest
void add_eval(CLI::App& app, Action& action);
void add_merge_lora(CLI::App& app, Action& action, const std::vector<std::string>& argv);
void add_validate(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);
void add_layers(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_sweep(CLI::App& app, Action& action, const std::vector<std::string>& argv);
void add_render(CLI::App& app, Action& action);
void add_diff(CLI::App& app, Action& action);
void add_schema(CLI::App& app, Action& action);
void add_init(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);
void add_man(CLI::App& app, Action& action, const std::string& version);

// The options that name a config: --config, --overlay and key=value arguments.
struct ConfigOptions {
  std::vector<std::string> files, overlays, words;
  void add_to(CLI::App& command);
  TrainSource source() const;
};

// Throws ErrorKind::cannot_create or io.
void write_page(const std::string& file, const std::string& page);

inline constexpr const char* exit_codes_text =
    "Exit codes: 0 done, also when stopped early; 64 wrong command line; 65 a data file or checkpoint is not what it "
    "should\n"
    "be; 66 an input is missing; 70 not finite, or an error of nnx itself; 73 an output cannot be made; 74 reading or "
    "writing\n"
    "failed; 75 stopped by a signal with a checkpoint to resume from, or the run is in use; 78 the config is wrong.";

}  // namespace nnx
