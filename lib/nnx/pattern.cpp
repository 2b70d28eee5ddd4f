#include "nnx/pattern.h"

#include <fmt/format.h>

#include "base/error.h"

namespace nnx {
namespace {

constexpr size_t longest_pattern = 500;   // parentheses are parsed by recursion

// Without backtracking, where the library can do without.
#ifdef __GLIBCXX__
constexpr auto pattern_flags = std::regex::ECMAScript | std::regex_constants::__polynomial;
#else
constexpr auto pattern_flags = std::regex::ECMAScript;
#endif

}  // namespace

std::regex pattern_of(const std::string& text) {
  if (text.size() > longest_pattern)
    fail(ErrorKind::config, {.where = "filter", .expected = fmt::format("a regular expression of at most {} characters", longest_pattern),
                             .got = std::to_string(text.size())});
  try {
    return std::regex(text, pattern_flags);
  } catch (const std::regex_error& e) {
    fail(ErrorKind::config, {.where = "filter", .expected = "a regular expression", .got = in_quotes(text), .hint = e.what()});
  }
}

}  // namespace nnx
