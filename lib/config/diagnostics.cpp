#include "config/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace nnx {
namespace {

constexpr size_t printed_errors = 20;
constexpr size_t kept_errors = 1000;  // a hostile file could hold one error for every key

}  // namespace

void Diagnostics::report(const ConfigNode& node, ErrorParts parts) {
  report(node.origin(), node.path().text(), std::move(parts));
}

void Diagnostics::report(const Origin& origin, const std::string& path, ErrorParts parts, ErrorKind kind) {
  if (is_broken(path)) {
    ++count_, ++unprinted_;
    return;
  }
  parts.where = path.empty() ? origin.text() : origin.text() + ": " + path;
  add(origin, kind, Error(kind, std::move(parts)).what());
}

void Diagnostics::report(const Origin& origin, const Error& error) { add(origin, error.kind(), error.what()); }

void Diagnostics::add(const Origin& origin, ErrorKind kind, std::string text) {
  ++count_;
  if (items_.size() == kept_errors) return;
  const auto same = [&](const Item& i) { return i.text == text; };
  if (unrecorded_ > 0 && std::ranges::any_of(items_, same)) {
    ++unprinted_;
    return;
  }
  items_.push_back({origin.source ? *origin.source : "", origin.line, origin.column, origin.argument, kind, std::move(text)});
}

bool Diagnostics::is_broken(const std::string& path) const {
  if (broken_.empty()) return false;
  for (size_t end = path.size(); end > 0;) {
    if (broken_.contains(path.substr(0, end))) return true;
    const size_t step = path.find_last_of(".[", end - 1);
    end = step == std::string::npos ? 0 : step;
  }
  return false;
}

void Diagnostics::drop(const Origin& origin, const KeyPath& path) {
  const std::string text = path.text();
  if (!dropped_.insert(text).second) return;
  notes_.push_back(fmt::format("{}: {} is no key of the new type and falls away", origin.text(), text));
}

ConfigNode Diagnostics::without_dropped(const ConfigNode& node) const {
  if (dropped_.empty()) return node;
  if (node.is_sequence()) {
    std::vector<ConfigNode> items;
    for (const ConfigNode& item : node.items()) items.push_back(without_dropped(item));
    return ConfigNode::sequence(std::move(items), node.origin(), node.path());
  }
  if (!node.is_map()) return node;
  std::vector<ConfigNode::Entry> entries;
  for (const ConfigNode::Entry& entry : node.entries()) {
    if (entry.leftover && dropped_.contains(entry.value.path().text())) continue;
    entries.push_back(entry);
    entries.back().value = without_dropped(entry.value);
  }
  return ConfigNode::map(std::move(entries), node.origin(), node.path());
}

void Diagnostics::throw_if_any() const {
  if (ok()) return;
  std::vector<Item> sorted = items_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Item& a, const Item& b) {
    if (a.argument || b.argument) return a.argument < b.argument;  // arguments stay in their order
    return std::tie(a.source, a.line, a.column) < std::tie(b.source, b.line, b.column);
  });
  std::string text;
  for (size_t i = 0; i < std::min(sorted.size(), printed_errors); ++i) text += (i ? "\n" : "") + sorted[i].text;
  if (const size_t printable = count_ - unprinted_; printable > printed_errors)
    text += fmt::format("\n{} errors, of which the first {} are shown", printable, printed_errors);
  const bool usage =
      std::all_of(items_.begin(), items_.end(), [](const Item& i) { return i.kind == ErrorKind::usage; });
  throw ConfigError(usage ? ErrorKind::usage : ErrorKind::config, {.message = text});
}

void Diagnostics::resolve(const ConfigNode& node) {
  if (unrecorded_ == 0) resolved_.insert_or_assign(node.path().text(), node);
}

ConfigNode Diagnostics::resolved() const {
  const auto root = resolved_.find("");
  return root == resolved_.end() ? ConfigNode() : expand(root->second);
}

ConfigNode Diagnostics::expand(const ConfigNode& node) const {
  const auto found = resolved_.find(node.path().text());
  const ConfigNode& read = found == resolved_.end() ? node : found->second;
  if (read.is_sequence()) {
    std::vector<ConfigNode> items;
    for (const ConfigNode& item : read.items()) items.push_back(expand(item));
    return ConfigNode::sequence(std::move(items), read.origin(), read.path());
  }
  if (read.is_map()) {
    std::vector<ConfigNode::Entry> entries;
    for (const auto& entry : read.entries()) entries.push_back({entry.key, entry.origin, expand(entry.value)});
    return ConfigNode::map(std::move(entries), read.origin(), read.path());
  }
  return read;
}

}  // namespace nnx
