#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "config/compose.h"
#include "config/merge_rules.h"

namespace nnx {
namespace {

using Entry = ConfigNode::Entry;

// One step of an argument's key: a name, or an index (which may also be a name of digits).
struct Step {
  std::string text;
  bool bracket = false;
};

struct Argument {
  Origin origin;
  std::vector<Step> steps;
  std::string_view value;
  Edit edit = Edit::merge;  // merge sets the value
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

Argument parse_argument(const std::string& text, const Origin& origin) {
  Argument argument{.origin = origin, .steps = {}, .value = {}};
  const size_t equals = text.find('=');
  if (equals == std::string::npos) refuse(argument.origin, "not a setting", "write key=value");
  if (invalid_utf8(text)) refuse(argument.origin, "not valid UTF-8");
  const std::string_view whole = text;
  std::string_view key = whole.substr(0, equals);
  if (key.ends_with('+')) {
    argument.edit = Edit::append;
    key.remove_suffix(1);
  }
  argument.steps = parse_key(key, argument.origin);
  argument.value = whole.substr(equals + 1);
  if (argument.value == "!delete") {
    if (argument.edit == Edit::append) refuse(argument.origin, "!delete cannot be appended");
    argument.edit = Edit::remove;
  }
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

// Puts the value of one argument where its steps lead.
class Setter {
 public:
  Setter(const Argument& argument, Diagnostics& diagnostics) : argument_(argument), diagnostics_(diagnostics) {}

  ConfigNode run(const ConfigNode& root) { return set(root, 0); }
  const std::string& path() const { return path_; }  // of what was set

 private:
  // `node` with the value put where the steps from `depth` on lead.
  ConfigNode set(const ConfigNode& node, size_t depth) {
    if (depth == argument_.steps.size()) return value(node);
    const Step& step = argument_.steps[depth];
    const bool last = depth + 1 == argument_.steps.size();
    const Origin& here = argument_.origin;
    if (node.is_sequence()) {
      std::vector<ConfigNode> items = node.items();
      const size_t i = index_of(step, node, here);
      if (last && argument_.edit == Edit::remove)
        refuse(here, "an item of a list cannot be deleted: the others would change their places", "write the list");
      items[i] = set(items[i], depth + 1);
      return ConfigNode::sequence(std::move(items), node.origin(), node.path());
    }
    if (step.bracket) refuse(here, fmt::format("{} is not a list", node.path().text()));
    std::vector<Entry> entries;
    if (!detail::entries_below(node, entries))
      fail(ErrorKind::usage,
           {.where = here.text() + ": " + node.path().text(),
            .message = fmt::format("cannot set keys here: {} has {}", node.origin().text(), node.describe())});
    const Origin origin = node.is_null() ? here : node.origin();
    const auto entry = std::ranges::find_if(entries, [&](const Entry& e) { return e.key == step.text; });
    if (last && argument_.edit == Edit::remove) {
      if (entry == entries.end()) refuse_to_delete(step.text, entries);
      path_ = entry->value.path().text();
      entries.erase(entry);
    } else if (entry != entries.end()) {
      ConfigNode changed = set(entry->value, depth + 1);
      if (last && step.text == "type") detail::mark_leftovers(entries, &changed);
      entry->value = std::move(changed);
      entry->leftover = false;
      if (last) entry->origin = here;
    } else {
      const ConfigNode fresh = ConfigNode::null(here, node.path().key(step.text));
      entries.push_back({step.text, here, set(fresh, depth + 1)});
    }
    return ConfigNode::map(std::move(entries), origin, node.path());
  }

  ConfigNode value(const ConfigNode& node) {
    path_ = node.path().text();
    const ConfigNode given = parse_value(argument_.value, argument_.origin, node.path(), diagnostics_);
    if (argument_.edit != Edit::append) return given;
    if (!node.is_sequence() && !node.is_null())
      refuse(argument_.origin, fmt::format("{} is {} ({}), not a list", path_, node.describe(), node.origin().text()));
    const ConfigNode more =
        given.is_sequence() ? given : ConfigNode::sequence({given}, argument_.origin, node.path());
    return detail::appended(node, more);
  }

  [[noreturn]] void refuse_to_delete(const std::string& key, const std::vector<Entry>& entries) const {
    refuse(argument_.origin, "there is nothing to delete", detail::hint_for(key, entries, diagnostics_));
  }

  const Argument& argument_;
  Diagnostics& diagnostics_;
  std::string path_;
};

}  // namespace

ConfigNode apply_arguments(const ConfigNode& root, const std::vector<std::string>& arguments,
                           Diagnostics& diagnostics) {
  // Each argument copies the maps on its way: without a bound, many of them would take quadratic time.
  if (arguments.size() > max_config_arguments)
    fail(ErrorKind::usage, {.message = fmt::format("more than {} arguments", max_config_arguments),
                            .hint = "write them in a file and give it as --overlay"});
  ConfigNode result = root;
  std::set<std::string> seen;
  for (const std::string& text : arguments) {
    const Origin origin{.source = std::make_shared<const std::string>("argument " + in_quotes(text)), .argument = true};
    try {
      const Argument argument = parse_argument(text, origin);
      Setter setter(argument, diagnostics);
      ConfigNode changed = setter.run(result);
      if (argument.edit != Edit::append && !seen.insert(setter.path()).second)
        refuse(origin, fmt::format("{} is set by an earlier argument", setter.path()));
      result = std::move(changed);
    } catch (const ConfigError&) {  // reported already
    } catch (const Error& error) { diagnostics.report(origin, error); }
  }
  return result;
}

ConfigNode apply_arguments(const ConfigNode& root, const std::vector<std::string>& arguments) {
  Diagnostics diagnostics;
  ConfigNode result = apply_arguments(root, arguments, diagnostics);
  diagnostics.throw_if_any();
  return result;
}

}  // namespace nnx
