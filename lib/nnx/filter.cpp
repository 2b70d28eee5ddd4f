#include "nnx/filter.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "base/error.h"
#include "nnx/glob.h"
#include "nnx/graphdef.h"
#include "nnx/pattern.h"

namespace nnx {
namespace {

using Kinds = std::map<std::string, const VariableKind*, std::less<>>;
std::mutex kinds_mutex;

// The kinds of Flax are known from the start, a user's own once used.
Kinds& kinds() {
  static Kinds all = [] {
    Kinds builtin;
    for (const VariableKind* kind :
         {&Variable::static_kind(), &Param::static_kind(), &LoRAParam::static_kind(), &BatchStat::static_kind(),
          &Cache::static_kind(), &Intermediate::static_kind(), &Perturbation::static_kind(), &RngState::static_kind(),
          &RngKey::static_kind(), &RngCount::static_kind(), &OptState::static_kind(), &MetricState::static_kind()})
      builtin.emplace(kind->name, kind);
    return builtin;
  }();
  return all;
}

constexpr int deepest = 64;   // of any(all(not(..)))

// The parts of `name(a, b)` between its parentheses, split at commas outside of inner ones; none when `text` is not that.
std::vector<std::string_view> call_parts(std::string_view text, std::string_view name) {
  if (!text.starts_with(name) || text.size() < name.size() + 2 || text[name.size()] != '(' || text.back() != ')') return {};
  text = text.substr(name.size() + 1, text.size() - name.size() - 2);
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && std::string_view("({[").find(text[i]) != std::string_view::npos) ++depth;
    if (i < text.size() && std::string_view(")}]").find(text[i]) != std::string_view::npos) --depth;
    if (i < text.size() && !(text[i] == ',' && depth == 0)) continue;
    while (start < i && text[start] == ' ') ++start;
    parts.push_back(text.substr(start, i - start));
    start = i + 1;
  }
  return parts;
}

// A name that is no kind, no type, and may be a path: `head`, `blocks.0`, `*`.
bool looks_like_path(std::string_view text) {
  char open = 0;
  for (const char c : text) {
    if (c == '{' || c == '[') open = c;
    if (c == '}' || c == ']') open = 0;
    const bool inside = (c == ',' && open == '{') || (c == ':' && open == '[');
    if (!inside && std::string_view(" ,():=\"'").find(c) != std::string_view::npos) return false;
  }
  if (text.empty()) return false;
  return !(text[0] >= 'A' && text[0] <= 'Z') || text.find_first_of(".*") != text.npos;
}

}  // namespace

Filter::Filter(std::string text, Predicate predicate)
    : text_(std::move(text)), predicate_(std::make_shared<const Predicate>(std::move(predicate))) {}

Filter Filter::kind(const VariableKind& kind) {
  register_kind(kind);
  return Filter(std::string(kind.name), [&kind](const LeafInfo& leaf) { return leaf.kind.is_a(kind); });
}

Filter Filter::everything() {
  Filter all("...", [](const LeafInfo&) { return true; });
  all.rest_ = true;
  return all;
}

Filter nothing() {
  return Filter("nothing", [](const LeafInfo&) { return false; });
}

Filter path(std::string glob) {
  return Filter("path:" + glob, [steps = Glob(glob)](const LeafInfo& leaf) { return steps.matches(leaf.path); });
}

Filter below(std::string glob) {
  const Glob here(glob);
  const Glob place(here.steps() == 1 ? "**." + glob : glob);
  return Filter(std::move(glob), [place](const LeafInfo& leaf) {
    if (&leaf.kind == &module_kind()) return place.matches(leaf.path);   // Modules are chosen one by one
    for (size_t n = leaf.path.size(); n > 0; --n)
      if (place.matches(std::span(leaf.path).first(n))) return true;
    return false;
  });
}

Filter held_by(std::string type) {
  const bool exact = type.starts_with('=');
  std::string name = exact ? type.substr(1) : type;
  return Filter("type:" + type, [name = std::move(name), exact](const LeafInfo& leaf) {
    for (const ModuleType* t = leaf.holder; t; t = exact ? nullptr : t->parent)
      if (t->name == name) return true;
    return false;
  });
}

Filter frozen() {
  return Filter(frozen_key, [](const LeafInfo& leaf) { return leaf.metadata && is_frozen(*leaf.metadata); });
}

Filter path_contains(std::string_view step, bool exact) {
  return path(exact ? fmt::format("**.{}.**", step) : fmt::format("**.*{}*.**", step));
}

Filter re(std::string pattern) {
  return Filter("re:" + pattern, [regex = pattern_of(pattern)](const LeafInfo& leaf) {
    return std::regex_match(to_string(leaf.path), regex);
  });
}

Filter tag(std::string tag) {
  return Filter("tag:" + tag, [tag](const LeafInfo& leaf) { return leaf.tag == tag; });
}

Filter where(std::string text, Filter::Predicate predicate) { return Filter(std::move(text), std::move(predicate)); }

Filter operator||(const Filter& a, const Filter& b) {
  return Filter(fmt::format("any({}, {})", a.to_string(), b.to_string()),
                [a, b](const LeafInfo& leaf) { return a.matches(leaf) || b.matches(leaf); });
}

Filter operator&&(const Filter& a, const Filter& b) {
  return Filter(fmt::format("all({}, {})", a.to_string(), b.to_string()),
                [a, b](const LeafInfo& leaf) { return a.matches(leaf) && b.matches(leaf); });
}

Filter operator!(const Filter& a) {
  return Filter(fmt::format("not({})", a.to_string()), [a](const LeafInfo& leaf) { return !a.matches(leaf); });
}

namespace {

// One filter of many: a chain of `||` would hold the text of each beginning.
Filter combined(bool any, std::vector<Filter> filters) {
  std::string text = any ? "any(" : "all(";
  for (size_t i = 0; i < filters.size(); ++i) text += (i ? ", " : "") + filters[i].to_string();
  return Filter(text + ")", [any, filters = std::move(filters)](const LeafInfo& leaf) {
    for (const Filter& filter : filters)
      if (filter.matches(leaf) == any) return any;
    return !any;
  });
}

Filter parse(std::string_view text, int depth) {
  if (depth > deepest) fail(ErrorKind::config, {.where = "filter", .message = fmt::format("any, all and not are nested more than {} deep", deepest)});
  if (text == "...") return Filter::everything();
  if (text == "nothing") return nothing();
  if (text.starts_with("path:")) return path(std::string(text.substr(5)));
  if (text.starts_with("re:")) return re(std::string(text.substr(3)));
  if (text.starts_with("tag:")) return tag(std::string(text.substr(4)));
  if (text.starts_with("type:")) return held_by(std::string(text.substr(5)));
  if (text.starts_with("has:")) return has(std::string(text.substr(4)));
  if (text.starts_with("shape:")) return shaped(std::string(text.substr(6)));
  if (text.starts_with("params:")) return sized(std::string(text.substr(7)));
  if (text == frozen_key) return frozen();
  if (const auto parts = call_parts(text, "not"); parts.size() == 1) return !parse(parts[0], depth + 1);
  for (const bool any : {true, false})
    if (const auto parts = call_parts(text, any ? "any" : "all"); !parts.empty()) {
      std::vector<Filter> filters;
      for (const std::string_view part : parts) filters.push_back(parse(part, depth + 1));
      return combined(any, std::move(filters));
    }
  if (const VariableKind* kind = find_kind(text)) return Filter::kind(*kind);
  if (find_module_type(text)) return held_by(std::string(text));
  if (looks_like_path(text)) return below(std::string(text));
  std::vector<std::string> names;
  {
    const std::lock_guard lock(kinds_mutex);
    for (const auto& [name, kind] : kinds()) names.push_back(name);
  }
  const std::string near = nearest(text, names);
  fail(ErrorKind::config, {.where = "filter", .expected = "a kind of Variable, a path, path:GLOB, re:REGEX, type:NAME, tag:NAME, has:NAME, shape:[SIZES], params:BOUND, any(..), all(..), not(..) or ...",
                           .got = in_quotes(text), .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
}

}  // namespace

Filter parse_filter(std::string_view text) { return parse(text, 0); }

const VariableKind& module_kind() {
  static const VariableKind kind{"Module", nullptr};
  return kind;
}

void freeze(const Variable& variable, bool frozen) {
  if (frozen) variable.metadata()[frozen_key] = true;
  else variable.metadata().erase(frozen_key);
}

bool is_frozen(const Metadata& metadata) {
  const auto it = metadata.find(frozen_key);
  return it != metadata.end() && it->second == MetadataValue(true);
}

void register_kind(const VariableKind& kind) {
  const std::lock_guard lock(kinds_mutex);
  for (const VariableKind* k = &kind; k; k = k->parent) kinds().emplace(k->name, k);
}

const VariableKind* find_kind(std::string_view name) {
  const std::lock_guard lock(kinds_mutex);
  const auto it = kinds().find(name);
  return it == kinds().end() ? nullptr : it->second;
}

}  // namespace nnx
