// Whether coloured text is welcome somewhere.
#pragma once

#include <cstdio>

namespace nnx {

bool is_terminal(std::FILE* stream);
// On a terminal that has colours, unless the environment variable NO_COLOR is set.
bool has_color(std::FILE* stream);

}  // namespace nnx
