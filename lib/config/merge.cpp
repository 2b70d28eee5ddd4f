#include <fmt/format.h>

#include <charconv>
#include <map>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "config/parse.h"
#include "config/scalar.h"

namespace nnx {
namespace {

using Entry = ConfigNode::Entry;

// A component may stand as its bare name: `adam` is {type: adam}. False for numbers and true or false.
bool is_bare_name(const ConfigNode& node) {
  double number = 0;
  return node.is_scalar() && parse_number(node.text(), number) == NumberStatus::not_a_number &&
         !parse_bool(node.text());
}

std::vector<Entry> component_entries(const ConfigNode& name) {
  return {
      {"type", name.origin(), ConfigNode::scalar(name.text(), name.quoted(), name.origin(), name.path().key("type"))}};
}

// The keys that new ones go on top of; fails when `base` cannot have keys.
std::vector<Entry> entries_below(const ConfigNode& base, const Origin& overlay, ErrorKind kind) {
  if (base.is_map()) return base.entries();
  if (base.is_null()) return {};
  if (is_bare_name(base)) return component_entries(base);
  fail(kind, {.where = overlay.text() + ": " + base.path().text(),
              .message = fmt::format("cannot set keys here: {} has {}", base.origin().text(), base.describe())});
}

// One step of an argument's key: a name, or an index (which may also be a name of digits).
struct Step {
  std::string text;
  bool bracket = false;
};

struct Argument {
  Origin origin;
  std::vector<Step> steps;
  std::string_view value;
};

[[noreturn]] void refuse(const Origin& origin, std::string message, std::string hint = "") {
  fail(ErrorKind::usage, {.where = origin.text(), .message = std::move(message), .hint = std::move(hint)});
}

std::vector<Step> parse_key(std::string_view key, const Origin& origin) {
  const auto bad = [&origin, whole = key](const char* why) {
    refuse(origin, fmt::format("bad key {}: {}", in_quotes(whole), why));
  };
  std::vector<Step> steps;
  if (key.empty()) bad("it is empty");
  if (key.ends_with('+')) bad("appending to a list (key+=) is not supported yet");
  while (!key.empty() || steps.empty()) {
    if (key[0] == '[') {
      const size_t close = key.find(']');
      if (steps.empty() || close == std::string_view::npos || close == 1) bad("an index is written as list[0]");
      steps.push_back({std::string(key.substr(1, close - 1)), true});
      key.remove_prefix(close + 1);
      if (!key.empty() && key[0] != '.' && key[0] != '[') bad("a '.' is missing after ']'");
      continue;
    }
    if (!steps.empty()) key.remove_prefix(1);  // the '.' that ended the step before
    const size_t end = std::min(key.find_first_of(".["), key.size());
    const std::string_view step = key.substr(0, end);
    if (step.empty()) bad("a name is missing next to a '.'");
    if (step.find_first_of("] \t\"'{}") != std::string_view::npos) bad("a name holds no spaces, quotes or brackets");
    if (step.size() > max_config_key) bad("a name is too long");
    steps.push_back({std::string(step)});
    key.remove_prefix(end);
  }
  if (steps.size() > max_config_depth) bad("it is too deep");
  return steps;
}

Argument parse_argument(const std::string& text) {
  Argument argument;
  argument.origin = {.source = std::make_shared<const std::string>("argument " + in_quotes(text)), .argument = true};
  const size_t equals = text.find('=');
  if (equals == std::string::npos) refuse(argument.origin, "not a setting", "write key=value");
  if (invalid_utf8(text)) refuse(argument.origin, "not valid UTF-8");
  const std::string_view whole = text;
  argument.steps = parse_key(whole.substr(0, equals), argument.origin);
  argument.value = whole.substr(equals + 1);
  return argument;
}

// The position in `items` that a step names.
size_t index_of(const Step& step, const ConfigNode& list, const Origin& origin) {
  size_t i = 0;
  const auto [end, error] = std::from_chars(step.text.data(), step.text.data() + step.text.size(), i);
  const bool digits = end == step.text.data() + step.text.size() && error != std::errc::invalid_argument;
  if (!digits) refuse(origin, fmt::format("{} is a list: {} is not an index", list.path().text(), in_quotes(step.text)));
  if (error != std::errc{} || i >= list.items().size()) {
    refuse(origin, fmt::format("{} has {} items ({}): there is no index {}", list.path().text(), list.items().size(),
                               list.origin().text(), step.text));
  }
  return i;
}

// `node` with the value of the argument put where its steps from `depth` on lead. `path` receives where that is.
ConfigNode set(const ConfigNode& node, const Argument& argument, size_t depth, std::string& path) {
  if (depth == argument.steps.size()) {
    path = node.path().text();
    return parse_value(argument.value, argument.origin, node.path());
  }
  const Step& step = argument.steps[depth];
  if (node.is_sequence()) {
    std::vector<ConfigNode> items = node.items();
    const size_t i = index_of(step, node, argument.origin);
    items[i] = set(items[i], argument, depth + 1, path);
    return ConfigNode::sequence(std::move(items), node.origin(), node.path());
  }
  if (step.bracket) refuse(argument.origin, fmt::format("{} is not a list", node.path().text()));
  std::vector<Entry> entries = entries_below(node, argument.origin, ErrorKind::usage);
  const Origin origin = node.is_null() ? argument.origin : node.origin();
  for (Entry& entry : entries) {
    if (entry.key != step.text) continue;
    entry.value = set(entry.value, argument, depth + 1, path);
    return ConfigNode::map(std::move(entries), origin, node.path());
  }
  const ConfigNode fresh = ConfigNode::null(argument.origin, node.path().key(step.text));
  entries.push_back({step.text, argument.origin, set(fresh, argument, depth + 1, path)});
  return ConfigNode::map(std::move(entries), origin, node.path());
}

}  // namespace

ConfigNode merge(const ConfigNode& base, const ConfigNode& overlay) {
  // A component written whole replaces a bare name.
  const bool whole = !overlay.is_map() || (!base.is_map() && overlay.find("type"));
  if (whole) return overlay;
  std::vector<Entry> entries = entries_below(base, overlay.origin(), ErrorKind::config);
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < entries.size(); ++i) index.emplace(entries[i].key, i);
  for (const Entry& entry : overlay.entries()) {
    if (const auto found = index.find(entry.key); found != index.end()) {
      Entry& below = entries[found->second];
      below.value = merge(below.value, entry.value);
      if (!below.value.is_map()) below.origin = entry.origin;
    } else {
      entries.push_back(entry);
    }
  }
  return ConfigNode::map(std::move(entries), base.is_null() ? overlay.origin() : base.origin(), base.path());
}

ConfigNode apply_arguments(const ConfigNode& root, const std::vector<std::string>& arguments) {
  ConfigNode result = root;
  std::set<std::string> seen;
  for (const std::string& text : arguments) {
    const Argument argument = parse_argument(text);
    std::string path;
    result = set(result, argument, 0, path);
    if (!seen.insert(path).second) refuse(argument.origin, fmt::format("{} is set by an earlier argument", path));
  }
  return result;
}

}  // namespace nnx
