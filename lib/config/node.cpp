#include "config/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace nnx {

std::string Origin::text() const {
  if (!source) return "default";
  return line > 0 ? fmt::format("{}:{}:{}", *source, line, column) : *source;
}

struct KeyPath::Step {
  std::shared_ptr<const Step> parent;
  std::string key;  // "" for an index
  size_t index = 0;
};

KeyPath KeyPath::key(std::string name) const {
  KeyPath path;
  path.last_ = std::make_shared<const Step>(Step{last_, std::move(name), 0});
  return path;
}

KeyPath KeyPath::index(size_t i) const {
  KeyPath path;
  path.last_ = std::make_shared<const Step>(Step{last_, "", i});
  return path;
}

size_t KeyPath::depth() const {
  size_t steps = 0;
  for (const Step* step = last_.get(); step; step = step->parent.get()) ++steps;
  return steps;
}

std::string KeyPath::text() const {
  std::vector<const Step*> steps;
  for (const Step* step = last_.get(); step; step = step->parent.get()) steps.push_back(step);
  std::string text;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    const Step& step = **it;
    if (step.key.empty()) {
      text += fmt::format("[{}]", step.index);
    } else if (step.key.find_first_of(".[]") != std::string::npos) {
      text += fmt::format("['{}']", step.key);  // a dot inside of a key is not a step
    } else {
      if (!text.empty()) text += '.';
      text += step.key;
    }
  }
  return text;
}

struct ConfigNode::Data {
  Kind kind = Kind::null;
  std::string text = {};
  bool quoted = false;
  std::vector<TextMark> marks = {};
  std::vector<ConfigNode> items = {};
  std::vector<Entry> entries = {};
  Origin origin = {};
  KeyPath path = {};
};

ConfigNode::ConfigNode() {
  static const auto nothing = std::make_shared<const Data>();
  data_ = nothing;
}

ConfigNode::ConfigNode(std::string_view name) : ConfigNode(scalar(std::string(name), false, {}, {})) {}

ConfigNode ConfigNode::null(Origin origin, KeyPath path) {
  return ConfigNode(std::make_shared<const Data>(Data{.origin = std::move(origin), .path = std::move(path)}));
}

ConfigNode ConfigNode::scalar(std::string text, bool quoted, Origin origin, KeyPath path, std::vector<TextMark> marks) {
  return ConfigNode(std::make_shared<const Data>(Data{.kind = Kind::scalar,
                                                      .text = std::move(text),
                                                      .quoted = quoted,
                                                      .marks = std::move(marks),
                                                      .origin = std::move(origin),
                                                      .path = std::move(path)}));
}

ConfigNode ConfigNode::sequence(std::vector<ConfigNode> items, Origin origin, KeyPath path) {
  return ConfigNode(std::make_shared<const Data>(
      Data{.kind = Kind::sequence, .items = std::move(items), .origin = std::move(origin), .path = std::move(path)}));
}

ConfigNode ConfigNode::map(std::vector<Entry> entries, Origin origin, KeyPath path) {
  return ConfigNode(std::make_shared<const Data>(
      Data{.kind = Kind::map, .entries = std::move(entries), .origin = std::move(origin), .path = std::move(path)}));
}

ConfigNode::Kind ConfigNode::kind() const { return data_->kind; }
const std::string& ConfigNode::text() const { return data_->text; }
bool ConfigNode::quoted() const { return data_->quoted; }
const std::vector<ConfigNode>& ConfigNode::items() const { return data_->items; }
const std::vector<ConfigNode::Entry>& ConfigNode::entries() const { return data_->entries; }
const Origin& ConfigNode::origin() const { return data_->origin; }
const KeyPath& ConfigNode::path() const { return data_->path; }

const ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const Entry& entry : data_->entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

const ConfigNode* ConfigNode::find_path(std::string_view path) const {
  const ConfigNode* node = this;
  while (node && !path.empty()) {
    const size_t end = path.find_first_of(".[]");
    const std::string_view step = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    if (step.empty()) continue;  // between ']' and '.'
    if (node->is_sequence()) {
      size_t i = 0;
      const auto [rest, error] = std::from_chars(step.data(), step.data() + step.size(), i);
      const bool whole = error == std::errc{} && rest == step.data() + step.size();
      node = whole && i < node->items().size() ? &node->items()[i] : nullptr;
    } else {
      node = node->find(step);
    }
  }
  return node;
}

Origin ConfigNode::origin_at(size_t offset) const {
  Origin place = origin();
  if (place.line == 0) return place;
  const auto after = std::ranges::upper_bound(data_->marks, offset, {}, &TextMark::offset);
  const TextMark from = after == data_->marks.begin() ? TextMark{0, place.line, place.column} : *std::prev(after);
  const std::string_view passed = std::string_view(text()).substr(from.offset, offset - from.offset);
  place.line = from.line;
  place.column = from.column + static_cast<int>(std::ranges::count_if(passed, [](char c) { return (c & 0xc0) != 0x80; }));
  return place;
}

std::string ConfigNode::where() const {
  const std::string path = data_->path.text();
  return path.empty() ? data_->origin.text() : data_->origin.text() + ": " + path;
}

std::string ConfigNode::describe() const {
  switch (kind()) {
    case Kind::null: return "null";
    case Kind::scalar: return quoted() ? "the string " + nnx::in_quotes(text()) : nnx::in_quotes(text());
    case Kind::sequence: return items().empty() ? "an empty list" : "a list";
    case Kind::map: return entries().empty() ? "an empty map" : "a map";
  }
  return "";
}

ConfigNode ConfigNode::moved_to(const KeyPath& path) const {
  Data data = *data_;
  data.path = path;
  for (size_t i = 0; i < data.items.size(); ++i) data.items[i] = data.items[i].moved_to(path.index(i));
  for (Entry& entry : data.entries) entry.value = entry.value.moved_to(path.key(entry.key));
  return ConfigNode(std::make_shared<const Data>(std::move(data)));
}

}  // namespace nnx
