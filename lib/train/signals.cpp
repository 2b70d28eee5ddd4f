#include "train/signals.h"

#include <unistd.h>

#include <csignal>

namespace nnx {
namespace {

volatile std::sig_atomic_t received = 0;

// Only what is safe in a handler.
extern "C" void note_signal(int signal) {
  if (received != 0) {
    if (signal != SIGINT) return;
    std::signal(SIGINT, SIG_DFL);
    ::raise(SIGINT);
    return;
  }
  received = signal;
  constexpr char text[] = "\nfinishing the step and saving; Ctrl-C again ends at once without saving\n";
  if (signal == SIGINT && ::isatty(STDERR_FILENO) != 0) [[maybe_unused]]
    const auto n = ::write(STDERR_FILENO, text, sizeof text - 1);
}

}  // namespace

void install_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) ::sigaction(signal, &action, nullptr);
}

std::string stop_signal() {
  switch (received) {
    case 0: return "";
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    default: return "SIGUSR1";
  }
}

}  // namespace nnx
