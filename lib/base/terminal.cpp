#include "base/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace nnx {

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) != 0; }

bool has_color(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return is_terminal(stream) && !(no_color && *no_color) && term && std::string_view(term) != "dumb";
}

}  // namespace nnx
