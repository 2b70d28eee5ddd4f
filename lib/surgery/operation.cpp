#include "surgery/operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/parse.h"

namespace nnx {
namespace {

void expect_count(const TargetOptions& options, size_t count, const std::vector<std::string>& names, const Patient& patient) {
  if (!options.expect || static_cast<size_t>(*options.expect) == count) return;
  patient.refuse(options.select, {.expected = fmt::format("{} matches, as `expect` says", *options.expect),
                                  .got = count == 0 ? "none" : fmt::format("{}: {}", count, fmt::join(names, ", "))});
}

std::string places_text(const std::vector<Path>& paths) {
  std::vector<std::string> texts;
  for (const Path& path : paths) texts.push_back("'" + to_string(path) + "'");
  return fmt::format("{}", fmt::join(texts, ", "));
}

// Which of an object's attributes `shared` means.
template <class Place, class Slot>
std::vector<Slot> meant(const Place& place, const std::vector<Slot>& slots, const Selector& selector,
                        const TargetOptions& options, const Patient& patient) {
  if (place.paths.size() == 1) return slots;
  if (!options.shared)
    patient.refuse(options.select, {.message = fmt::format("what this matches is shared: it is reached as {}", places_text(place.paths)),
                                    .hint = "say shared: all to change it everywhere, or shared: this for the places that match"});
  if (*options.shared == Sharing::all) return slots;
  std::vector<Slot> chosen;
  for (const Slot& slot : slots)
    if (matches(selector, place, slot.path)) chosen.push_back(slot);
  const bool can = !chosen.empty() && chosen.size() < slots.size();
  if (!can)
    patient.refuse(options.select,
                   {.message = slots.size() == 1 ? fmt::format("shared: this cannot be: '{}' lies inside of what is shared", to_string(place.path()))
                                                 : fmt::format("shared: this must match some of its places: {}", places_text(place.paths)),
                    .hint = slots.size() == 1 ? "untie that first, or say shared: all" : "name one of them"});
  return chosen;
}

template <class Place> std::vector<std::string> names_of(const std::vector<const Place*>& places) {
  std::vector<std::string> names;
  for (const Place* place : places) names.push_back(to_string(place->path()));
  return names;
}

ConfigNode node_of(const StaticValue& value, const Origin& origin, const KeyPath& path) {
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value))
    return parse_value(fmt::format("[{}]", fmt::join(*list, ", ")), origin, path);
  if (const auto* text = std::get_if<std::string>(&value)) return ConfigNode::scalar(*text, true, origin, path);
  if (const auto* number = std::get_if<double>(&value)) return ConfigNode::scalar(format_number(*number), false, origin, path);
  return ConfigNode::scalar(to_string(value), false, origin, path);
}

// What a Module says about an argument of a layer's constructor; nullopt when it has no such attribute.
std::optional<StaticValue> argument_of(const Members& attributes, const std::string& name) {
  for (const auto& [n, member] : attributes.fixed)
    if (n == name) return std::holds_alternative<std::monostate>(member.get()) ? std::nullopt : std::optional(member.get());
  for (const auto& [n, number] : attributes.numbers)
    if (n == name) return StaticValue(number->value());
  if (name.starts_with("use_"))   // Flax's name for whether there is one
    for (const auto& [n, variable] : attributes.variables)
      if (n == name.substr(4)) return StaticValue(static_cast<bool>(*variable));
  return std::nullopt;
}

}  // namespace

Anatomy Patient::anatomy() const {
  Anatomy out(*model);
  out.gone = gone;
  return out;
}

void Patient::refuse(const ConfigNode& node, ErrorParts parts) const {
  diagnostics.report(node, std::move(parts));
  diagnostics.throw_if_any();
  fail(ErrorKind::internal, {.message = "a reported error was lost"});
}

void Patient::claim(const std::string& what, const ConfigNode& node) {
  if (const auto [it, fresh] = claimed.emplace(what, where); !fresh)
    refuse(node, {.message = fmt::format("{} twice: the first time at {}", what, it->second), .hint = "one of the two is enough"});
}

ModuleTargets module_targets(const TargetOptions& options, const Patient& patient) {
  ModuleTargets out{.selector = read_selector(options.select, patient.diagnostics), .anatomy = patient.anatomy(), .places = {}};
  const bool optional = options.optional || options.expect == 0;
  for (const size_t i : select_modules(out.anatomy, out.selector, patient.diagnostics, optional)) out.places.push_back(&out.anatomy.modules[i]);
  expect_count(options, out.places.size(), names_of(out.places), patient);
  return out;
}

VariableTargets variable_targets(const TargetOptions& options, const Patient& patient) {
  VariableTargets out{.selector = read_selector(options.select, patient.diagnostics), .anatomy = patient.anatomy(), .places = {}};
  const bool optional = options.optional || options.expect == 0;
  for (const size_t i : select_variables(out.anatomy, out.selector, patient.diagnostics, optional)) out.places.push_back(&out.anatomy.variables[i]);
  expect_count(options, out.places.size(), names_of(out.places), patient);
  return out;
}

ModuleTargets one_module(const ConfigNode& select, const Patient& patient) {
  TargetOptions options;
  options.select = select;
  ModuleTargets out = module_targets(options, patient);
  if (out.places.size() != 1)
    patient.refuse(select, {.expected = "one layer", .got = fmt::format("{}: {}", out.places.size(), fmt::join(names_of(out.places), ", "))});
  return out;
}

OperationReport report_of(const ModuleTargets& targets) {
  std::set<std::string> types;
  for (const ModulePlace* place : targets.places) types.insert(place->module->type().name);
  size_t candidates = 0;
  for (const ModulePlace& place : targets.anatomy.modules) candidates += types.contains(place.module->type().name);
  return {.matched = targets.places.size(),
          .candidates = candidates,
          .noun = types.size() == 1 ? *types.begin() : "layers",
          .paths = names_of(targets.places)};
}

OperationReport report_of(const VariableTargets& targets) {
  return {.matched = targets.places.size(), .candidates = targets.anatomy.variables.size(), .noun = "Variables", .paths = names_of(targets.places)};
}

std::vector<ModuleSlot> slots_of(const ModulePlace& place, const Selector& selector, const TargetOptions& options, const Patient& patient) {
  return meant(place, place.slots, selector, options, patient);
}

void assign(Patient& patient, const ModulePlace& place, const std::vector<ModuleSlot>& slots, const std::shared_ptr<ModuleBase>& module) {
  if (place.path().empty()) patient.model = as<Layer>(Ref<ModuleBase>(module));
  for (const ModuleSlot& slot : slots) slot.slot.assign(module);
}

Variable changeable(const VariablePlace& place, const Selector& selector, const TargetOptions& options, const Patient& patient) {
  const bool everywhere = std::ranges::all_of(place.paths, [&](const Path& path) { return matches(selector, place, path); });
  if (place.paths.size() == 1 || (everywhere && options.shared != Sharing::only_this)) return place.variable;
  const std::vector<VariableSlot> slots = meant(place, place.slots, selector, options, patient);
  if (slots.size() == place.slots.size()) return place.variable;
  Variable copy(place.variable.kind(), place.variable.get(), place.variable.metadata());
  copy.cell()->tag = place.variable.tag();
  for (const VariableSlot& slot : slots) *slot.variable = copy;
  return copy;
}

Ref<Layer> build_like(const ConfigNode& spec, ModuleBase& like, Patient& patient) {
  const ConfigNode* type = spec.is_map() ? spec.find("type") : &spec;
  const ComponentDoc* doc = type && type->is_scalar() ? layers().find(type->text()) : nullptr;
  std::vector<ConfigNode::Entry> entries = spec.entries();
  if (doc && spec.is_scalar()) entries.push_back({"type", spec.origin(), spec.moved_to(spec.path().key("type"))});
  const Members attributes(like);
  for (const FieldDoc& field : doc ? doc->fields : std::vector<FieldDoc>{}) {
    if (spec.find(field.name)) continue;
    if (const auto value = argument_of(attributes, field.name))
      entries.push_back({field.name, spec.origin(), node_of(*value, spec.origin(), spec.path().key(field.name))});
  }
  const bool bare = entries.empty() || !doc;
  const ConfigNode whole = bare ? spec : ConfigNode::map(std::move(entries), spec.origin(), spec.path());
  // The echo says what was written: what is added here is another one for the next layer.
  const Diagnostics::Unrecorded unrecorded(patient.diagnostics);
  return layers().build(whole, patient.diagnostics, patient.rngs);
}

Array overlapped(const Array& into, const Array& from) {
  if (into.rank() != from.rank())
    fail(ErrorKind::shape, {.expected = "as many axes", .got = from.type().to_string()});
  std::vector<int64_t> counts;
  for (int axis = 0; axis < into.rank(); ++axis) counts.push_back(std::min(into.dim(axis), from.dim(axis)));
  std::vector<float> values = into.to_vector<float>();
  const std::vector<float> given = from.to_vector<float>();
  std::vector<int64_t> at(counts.size(), 0);
  for (bool more = true; more;) {
    int64_t to_index = 0, from_index = 0;
    for (size_t axis = 0; axis < at.size(); ++axis) {
      to_index = to_index * into.dim(static_cast<int>(axis)) + at[axis];
      from_index = from_index * from.dim(static_cast<int>(axis)) + at[axis];
    }
    values[static_cast<size_t>(to_index)] = given[static_cast<size_t>(from_index)];
    more = false;
    for (size_t axis = at.size(); axis-- > 0 && !more;) {
      more = ++at[axis] < counts[axis];
      if (!more) at[axis] = 0;
    }
  }
  return array<float>(values, into.shape());
}

}  // namespace nnx
