// UTF-8 checks for text that comes from outside.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace nnx {

// The offset of the first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7), or nullopt when all is
// well.
std::optional<size_t> invalid_utf8(std::string_view text);

}  // namespace nnx
