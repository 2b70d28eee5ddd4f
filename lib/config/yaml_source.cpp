#include "config/yaml_source.h"

#include <fmt/format.h>
#include <yaml-cpp/mark.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "config/parse.h"

namespace nnx::config_detail {

Origin YamlSource::at(const YAML::Mark& mark) {
  const size_t end = std::min(static_cast<size_t>(mark.pos), text.size());
  const size_t begin = end - std::min(static_cast<size_t>(mark.column), end);
  if (counted_ < begin || counted_ > end) counted_ = begin, characters_ = 0;
  for (; counted_ < end; ++counted_) characters_ += (text[counted_] & 0xc0) != 0x80;
  return at(mark.line + 1, characters_ + 1);
}

std::string_view YamlSource::line_of(const Origin& here) const {
  std::string_view rest = text;
  for (int line = 1; line < here.line && !rest.empty(); ++line)
    rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));
  return rest.substr(0, rest.find('\n'));
}

void screen(const YamlSource& source) {
  const std::string_view text = source.text;
  if (text.size() > max_config_bytes)
    source.refuse(source.origin, fmt::format("larger than {} bytes", max_config_bytes));
  const auto position = [&](size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::string_view head = before.substr(line_start);
    const auto column = 1 + std::count_if(head.begin(), head.end(), [](char c) { return (c & 0xc0) != 0x80; });
    return source.at(static_cast<int>(line), static_cast<int>(column));
  };
  if (const auto bad = invalid_utf8(text)) {
    source.refuse(position(*bad), "not valid UTF-8", "save the file as UTF-8");
  }
  bool indentation = true;  // only blanks since the line began
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
      source.refuse(position(i), fmt::format("control character \\x{:02x}", c), "remove it");
    }
    if (c == '\t' && indentation) {
      const size_t next = text.find_first_not_of(" \t\r", i);
      const bool blank = next == std::string_view::npos || text[next] == '\n' || text[next] == '#';
      if (!blank) source.refuse(position(i), "a tab in the indentation", "use spaces");
    }
    if (c == '%' && (i == 0 || text[i - 1] == '\n')) {
      source.refuse(position(i), "YAML directives are not supported", "remove the line");
    }
    indentation = c == '\n' || (indentation && (c == ' ' || c == '\t'));
  }
}

std::string explained(const std::string& message) {
  static const std::array<std::pair<std::string_view, std::string_view>, 8> known = {{
      {"illegal map value", "a key is not expected here; check the indentation, or quote a text that holds ': '"},
      {"illegal map key", "a key is not expected here; check the indentation"},
      {"illegal block entry", "a list item is not expected here; check the indentation"},
      {"end of map not found", "expected a key or the end of the map; check indentation and quotes"},
      {"end of sequence not found", "expected '- ' or the end of the list; check the indentation"},
      {"illegal flow end", "a bracket is closed here that was not opened"},
      {"illegal tab when looking for indentation", "a tab in the indentation; use spaces"},
      {"unknown token", "no value begins with this character; quote the text"},
  }};
  for (const auto& [theirs, ours] : known) {
    if (message == theirs) return std::string(ours);
  }
  return message;
}

}  // namespace nnx::config_detail
