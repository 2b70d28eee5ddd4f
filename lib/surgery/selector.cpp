#include "surgery/selector.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/selector_text.h"
#include "nn/layer.h"

namespace nnx {
namespace {

constexpr size_t listed = 24;   // in a message

// `Linear` as `type:Linear`: a layer is known by its name before any model has one.
ConfigNode with_types(const ConfigNode& node) {
  if (node.is_scalar()) {
    const bool type = !node.text().empty() && node.text()[0] >= 'A' && node.text()[0] <= 'Z' && !find_kind(node.text()) &&
                      layers().find(node.text());
    return type ? ConfigNode::scalar("type:" + node.text(), false, node.origin(), node.path()) : node;
  }
  if (node.is_sequence()) {
    std::vector<ConfigNode> items;
    for (const ConfigNode& item : node.items()) items.push_back(with_types(item));
    return ConfigNode::sequence(std::move(items), node.origin(), node.path());
  }
  if (!node.is_map()) return node;
  std::vector<ConfigNode::Entry> entries;
  for (const ConfigNode::Entry& entry : node.entries()) {
    const bool selectors = entry.key == "all" || entry.key == "any" || entry.key == "not";
    entries.push_back({entry.key, entry.origin, selectors ? with_types(entry.value) : entry.value});
  }
  return ConfigNode::map(std::move(entries), node.origin(), node.path());
}

Filter parse_at(const ConfigNode& node, const std::string& text, Diagnostics& diagnostics) {
  try {
    return parse_filter(text);
  } catch (const Error& error) {
    ErrorParts parts = error.parts();
    diagnostics.report(node, std::move(parts));
    diagnostics.throw_if_any();
    throw;
  }
}

bool matches(const Filter& filter, const ModulePlace& place, const Path& path) {
  static const std::string none;
  return filter.matches({path, module_kind(), none, nullptr, &place.module->type(), nullptr, place.module.get()});
}
bool matches(const Filter& filter, const VariablePlace& place, const Path& path) {
  const Variable& v = place.variable;
  return filter.matches({path, v.kind(), v.tag(), &v.metadata(), place.holder, &v.cell()->value});
}

template <class Place> bool matches_some_path(const Filter& filter, const Place& place) {
  return std::ranges::any_of(place.paths, [&](const Path& path) { return matches(filter, place, path); });
}

// Every name that a selector may have meant.
void add_names(const ModulePlace& place, std::vector<std::string>& names) { names.push_back(place.module->type().name); }
void add_names(const VariablePlace& place, std::vector<std::string>& names) { names.emplace_back(place.variable.kind().name); }

template <class Place>
std::string what_there_is(const std::vector<Place>& places, const std::string& text) {
  std::vector<std::string> names, lines;
  for (const Place& place : places) {
    for (const Path& path : place.paths) {
      names.push_back(to_string(path));
      for (const Key& step : path) names.push_back(step.to_string());   // a single name may lie anywhere
    }
    add_names(place, names);
    if (!place.path().empty()) lines.push_back(described(place));
  }
  const size_t colon = text.find(':');
  const std::string near = nearest(colon == text.npos ? text : text.substr(colon + 1), names);
  const size_t more = lines.size() > listed ? lines.size() - listed : 0;
  lines.resize(lines.size() - more);
  return fmt::format("{}the model has: {}{}", near.empty() ? "" : fmt::format("did you mean '{}'? ", near), fmt::join(lines, ", "),
                     more ? fmt::format(" and {} more", more) : "");
}

template <class Place>
std::vector<size_t> select(const std::vector<Place>& places, const Anatomy& anatomy, const Selector& selector,
                           Diagnostics& diagnostics, bool optional) {
  constexpr bool for_layers = std::is_same_v<Place, ModulePlace>;
  constexpr const char* noun = for_layers ? "layer" : "Variable";
  const size_t before = diagnostics.count();
  for (const Selector::Part& each : selector.parts) {
    const SelectorPart& part = each.written;
    const bool may_be_absent = optional || (part.excluded && (find_kind(part.text) || part.text.starts_with("tag:") || part.text == frozen_key));
    if (!for_layers && part.text.starts_with("has:")) {
      diagnostics.report(part.node, {.message = fmt::format("{} chooses layers, and this operation is for Variables", in_quotes(part.text)),
                                     .hint = "name their type or path"});
      continue;
    }
    if (may_be_absent || std::ranges::any_of(places, [&](const Place& p) { return matches_some_path(each.filter, p); })) continue;
    const auto gone = anatomy.gone.find(part.text);
    const bool kind = for_layers && find_kind(part.text);
    const std::string message =
        gone != anatomy.gone.end() ? fmt::format("{} is not there any more: {}", in_quotes(part.text), gone->second)
        : kind                     ? fmt::format("{} is a kind of Variable, and this operation is for layers", in_quotes(part.text))
                                   : fmt::format("{} matches no {} of the model", in_quotes(part.text), noun);
    diagnostics.report(part.node, {.message = message, .hint = what_there_is(places, part.text)});
  }
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  std::vector<size_t> chosen;
  for (size_t i = 0; i < places.size(); ++i)
    if (matches_some_path(selector.filter, places[i])) chosen.push_back(i);
  if (chosen.empty() && !optional) {
    diagnostics.report(selector.node, {.message = fmt::format("{} matches no {} of the model", in_quotes(selector.text), noun),
                                       .hint = what_there_is(places, "")});
    diagnostics.throw_if_any();
  }
  return chosen;
}

}  // namespace

Selector read_selector(const ConfigNode& given, Diagnostics& diagnostics) {
  const ConfigNode node = with_types(given);
  std::vector<SelectorPart> parts;
  Selector out{.text = selector_text(node, diagnostics, &parts), .parts = {}, .node = given};
  for (const SelectorPart& part : parts) out.parts.push_back({part, parse_at(part.node, part.text, diagnostics)});
  out.filter = parse_at(given, out.text, diagnostics);
  return out;
}

std::vector<size_t> select_modules(const Anatomy& anatomy, const Selector& selector, Diagnostics& diagnostics, bool optional) {
  return select(anatomy.modules, anatomy, selector, diagnostics, optional);
}

std::vector<size_t> select_variables(const Anatomy& anatomy, const Selector& selector, Diagnostics& diagnostics, bool optional) {
  return select(anatomy.variables, anatomy, selector, diagnostics, optional);
}

bool matches(const Selector& selector, const ModulePlace& place, const Path& path) { return matches(selector.filter, place, path); }
bool matches(const Selector& selector, const VariablePlace& place, const Path& path) { return matches(selector.filter, place, path); }

}  // namespace nnx
