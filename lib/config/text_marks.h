// Where the characters of a YAML scalar stand in its file: quotes, escapes, folded lines and the indentation of blocks are
// gone from its text, but an error inside of it has to point at the file.
#pragma once

#include <string_view>
#include <vector>

#include "config/node.h"

namespace nnx {

// Marks for the scalar `value` that begins at byte `begin` of `file`, whose line and column `origin` has. None when the
// value stands there character by character.
std::vector<TextMark> text_marks(std::string_view file, size_t begin, const Origin& origin, std::string_view value);

}  // namespace nnx
