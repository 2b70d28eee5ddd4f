#include "nnx/path.h"

#include <algorithm>

namespace nnx {

std::string to_string(const Path& path) {
  std::string text;
  for (const Key& key : path) text += (text.empty() ? "" : ".") + key.to_string();
  return text;
}

Path parse_path(std::string_view text) {
  Path path;
  while (!text.empty()) {
    const size_t dot = std::min(text.find('.'), text.size());
    const std::string_view step = text.substr(0, dot);
    const bool digits = !step.empty() && step.size() < 18 && std::ranges::all_of(step, [](char c) { return c >= '0' && c <= '9'; });
    path.push_back(digits ? Key(std::stoll(std::string(step))) : Key(step));
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return path;
}

}  // namespace nnx
