// Signals that ask a run to stop: SIGINT, SIGTERM and SIGUSR1 are noted and asked for between steps; a second SIGINT
// ends the process at once. SIGPIPE and SIGXFSZ become errors of the write that met them.
//
//   install_signals();
//   run_training(source, {.stop = [](int64_t) { return stop_signal(); }});
#pragma once

#include <string>

namespace nnx {

void install_signals();
std::string stop_signal();  // "SIGINT", ... of the first that came, or ""

}  // namespace nnx
