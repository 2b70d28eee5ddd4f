#include "config/selector_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace nnx {
namespace {

const std::vector<std::string> selector_keys{"type", "kind", "path", "re", "tag", "has", "shape", "params", "all", "any", "not"};

std::string forms() { return fmt::format("a name, a list of selectors, or a map of {}", fmt::join(selector_keys, ", ")); }

std::string combined(const char* how, const std::vector<std::string>& parts) {
  if (parts.size() == 1) return parts[0];
  std::string text = how;
  for (size_t i = 0; i < parts.size(); ++i) text += (i ? ", " : "(") + parts[i];
  return text + ")";
}

class Writer {
 public:
  Writer(Diagnostics& diagnostics, std::vector<SelectorPart>* parts) : diagnostics_(diagnostics), parts_(parts) {}

  std::string text(const ConfigNode& node) {
    if (node.is_scalar() && !node.text().empty()) return part(node, node.text());
    if (node.is_sequence()) return list(node, "any");
    if (!node.is_map() || node.entries().empty()) return refuse(node, forms());
    std::vector<std::string> texts;
    for (const ConfigNode::Entry& entry : node.entries()) texts.push_back(keyed(entry));
    return combined("all", texts);
  }

 private:
  std::string keyed(const ConfigNode::Entry& entry) {
    const std::string& key = entry.key;
    if (key == "all" || key == "any") return entry.value.is_sequence() ? list(entry.value, key.c_str()) : text(entry.value);
    if (key == "not") return negated(entry.value);
    if (std::find(selector_keys.begin(), selector_keys.end(), key) == selector_keys.end()) return refuse_key(entry);
    if (!entry.value.is_sequence() || entry.value.items().empty()) return atom(key, entry.value);
    if (key == "shape") return shape(entry.value);
    std::vector<std::string> texts;
    for (const ConfigNode& item : entry.value.items()) texts.push_back(atom(key, item));
    return combined("any", texts);
  }

  std::string negated(const ConfigNode& node) {
    excluded_ = !excluded_;
    const std::string inner = text(node);
    excluded_ = !excluded_;
    return "not(" + inner + ")";
  }

  std::string atom(const std::string& key, const ConfigNode& value) {
    if (!value.is_scalar() || value.text().empty()) return refuse(value, "a word");
    return part(value, key == "kind" ? value.text() : key + ":" + value.text());
  }

  // A list is one shape here, not several.
  std::string shape(const ConfigNode& sizes) {
    std::vector<std::string> texts;
    for (const ConfigNode& size : sizes.items()) texts.push_back(size.is_scalar() ? size.text() : refuse(size, "a size or '*'"));
    return part(sizes, fmt::format("shape:[{}]", fmt::join(texts, ", ")));
  }

  std::string list(const ConfigNode& node, const char* how) {
    if (node.items().empty()) return refuse(node, forms());
    std::vector<std::string> texts;
    for (const ConfigNode& item : node.items()) texts.push_back(text(item));
    return combined(how, texts);
  }

  std::string part(const ConfigNode& node, std::string text) {
    if (parts_) parts_->push_back({node, text, excluded_});
    return text;
  }

  std::string refuse(const ConfigNode& node, std::string expected) {
    diagnostics_.report(node, {.expected = std::move(expected), .got = node.describe()});
    return "";
  }

  std::string refuse_key(const ConfigNode::Entry& entry) {
    const std::string near = nearest(entry.key, selector_keys);
    diagnostics_.report(entry.origin, entry.value.path().text(),
                        {.message = "unknown key of a selector",
                         .hint = (near.empty() ? "" : fmt::format("did you mean '{}'? ", near)) +
                                 fmt::format("known keys: {}", fmt::join(selector_keys, ", "))});
    return "";
  }

  Diagnostics& diagnostics_;
  std::vector<SelectorPart>* parts_;
  bool excluded_ = false;
};

}  // namespace

std::string selector_text(const ConfigNode& node, Diagnostics& diagnostics, std::vector<SelectorPart>* parts) {
  const size_t before = diagnostics.count();
  std::string text = Writer(diagnostics, parts).text(node);
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  return text;
}

}  // namespace nnx
