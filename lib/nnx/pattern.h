// Regular expressions that come from configs: whatever is written, matching a path takes neither the stack nor for ever.
//
//   std::regex_match(to_string(path), pattern_of("blocks\\.(\\d+)\\..*"))
#pragma once

#include <regex>
#include <string>

namespace nnx {

// ECMAScript without back references. Throws ErrorKind::config for what is none, or too long.
std::regex pattern_of(const std::string& text);

}  // namespace nnx
