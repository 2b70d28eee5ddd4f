#include "base/error.h"
#include "commands.h"

namespace nnx {

void ConfigOptions::add_to(CLI::App& command) {
  command.add_option("-c,--config", files, "A config file; several are merged in order")->allow_extra_args(false);
  command.add_option("--overlay", overlays, "A file of changes, merged after all configs; several in order")
      ->allow_extra_args(false);
  command.add_option("words", words, "Config files, and values that replace those of the files: key.path=value");
}

TrainSource ConfigOptions::source() const {
  TrainSource source{.files = files, .overlays = overlays};
  for (const std::string& word : words) {
    if (word.find('=') != std::string::npos) source.arguments.push_back(word);
    else source.files.push_back(word);
  }
  if (source.files.empty())
    fail(ErrorKind::usage, {.message = "no config file is given", .hint = "use --config FILE"});
  return source;
}

}  // namespace nnx
