#include "config/selector_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace nnx {
namespace {

constexpr const char* forms = "a name, a list of selectors, or a map of type, kind, path, re, tag, all, any, not";

std::string combined(const char* how, const std::vector<std::string>& parts) {
  if (parts.size() == 1) return parts[0];
  std::string text = how;
  for (size_t i = 0; i < parts.size(); ++i) text += (i ? ", " : "(") + parts[i];
  return text + ")";
}

class Writer {
 public:
  explicit Writer(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  std::string text(const ConfigNode& node) {
    if (node.is_scalar() && !node.text().empty()) return node.text();
    if (node.is_sequence()) return list(node, "any");
    if (!node.is_map() || node.entries().empty()) return refuse(node);
    std::vector<std::string> parts;
    for (const ConfigNode::Entry& entry : node.entries()) parts.push_back(keyed(entry));
    return combined("all", parts);
  }

 private:
  std::string keyed(const ConfigNode::Entry& entry) {
    static const std::vector<std::string> known{"type", "kind", "path", "re", "tag", "all", "any", "not"};
    const std::string& key = entry.key;
    if (key == "all" || key == "any") return entry.value.is_sequence() ? list(entry.value, key.c_str()) : text(entry.value);
    if (key == "not") return "not(" + text(entry.value) + ")";
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string near = nearest(key, known);
      diagnostics_.report(entry.origin, entry.value.path().text(),
                          {.message = "unknown key of a selector",
                           .hint = (near.empty() ? "" : fmt::format("did you mean '{}'? ", near)) +
                                   fmt::format("known keys: {}", fmt::join(known, ", "))});
      return "";
    }
    if (entry.value.is_sequence() && !entry.value.items().empty()) {
      std::vector<std::string> parts;
      for (const ConfigNode& item : entry.value.items()) parts.push_back(atom(key, item));
      return combined("any", parts);
    }
    return atom(key, entry.value);
  }

  std::string atom(const std::string& key, const ConfigNode& value) {
    if (!value.is_scalar() || value.text().empty()) return refuse(value, "a word");
    return key == "kind" ? value.text() : key + ":" + value.text();
  }

  std::string list(const ConfigNode& node, const char* how) {
    if (node.items().empty()) return refuse(node);
    std::vector<std::string> parts;
    for (const ConfigNode& item : node.items()) parts.push_back(text(item));
    return combined(how, parts);
  }

  std::string refuse(const ConfigNode& node, const char* expected = forms) {
    diagnostics_.report(node, {.expected = expected, .got = node.describe()});
    return "";
  }

  Diagnostics& diagnostics_;
};

}  // namespace

std::string selector_text(const ConfigNode& node, Diagnostics& diagnostics) {
  const size_t before = diagnostics.count();
  std::string text = Writer(diagnostics).text(node);
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  return text;
}

}  // namespace nnx
