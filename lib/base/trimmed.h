// A text without the blanks around it.
#pragma once

#include <algorithm>
#include <string_view>

namespace nnx {

inline std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

}  // namespace nnx
