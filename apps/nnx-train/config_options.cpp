#include "base/error.h"
#include "commands.h"

namespace nnx {

void ConfigOptions::add_to(CLI::App& command) {
  command.add_option("-c,--config", files, "A config file; several are merged in order")
      ->required()
      ->allow_extra_args(false);
  command.add_option("--overlay", overlays, "Changes to the model (not available yet)")->allow_extra_args(false);
  command.add_option("overrides", arguments, "Values that replace those of the files: key.path=value");
}

void ConfigOptions::check() const {
  if (!overlays.empty())
    fail(ErrorKind::usage, {.where = "--overlay",
                            .message = "overlays are not available yet",
                            .hint = "a second --config merges its keys"});
}

}  // namespace nnx
