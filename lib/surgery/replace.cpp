// replace: other layers in the place of some, which keep the Variables that fit. resize: the same layers with other sizes.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "surgery/operation.h"

namespace nnx {
namespace {

enum class Keep { matching, overlap, none };
std::vector<std::string_view> enum_names(Keep) { return {"matching", "overlap", "none"}; }

constexpr const char* keep_help =
    "matching: Variables of the same name, kind and type stay the same Variables; overlap: of other sizes, the values that both have";

struct ReplaceOptions : TargetOptions {
  ConfigNode with;
  std::vector<ConfigNode> override;
  Keep keep = Keep::matching;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the layers to replace");
    f("with", self.with,
      component("layer", Field{.help = "the layer that comes; arguments it leaves out are those of the replaced layer"}.must()));
    f("override", self.override, Field{.help = "other arguments for some: [{match: SELECTOR, argument: value}, ...]"});
    f("keep", self.keep, Field{.help = keep_help});
  }
};
struct ResizeOptions : TargetOptions {
  std::vector<std::pair<std::string, ConfigNode>> with;
  Keep keep = Keep::overlap;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the layers that get other sizes");
    f("with", self.with, Field{.help = "the arguments that change, such as {out_features: 5}"}.must());
    f("keep", self.keep, Field{.help = keep_help});
  }
};

bool starts_with(const Path& path, const Path& prefix) {
  return path.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

void refuse_nested(const ModuleTargets& targets, const TargetOptions& o, const Patient& patient) {
  for (const ModulePlace* inner : targets.places)
    for (const ModulePlace* outer : targets.places)
      if (starts_with(inner->path(), outer->path()))
        patient.refuse(o.select, {.message = fmt::format("'{}' lies inside of '{}', which is replaced as well", to_string(inner->path()), to_string(outer->path())),
                                  .hint = "exclude one of them: not: " + to_string(inner->path())});
}

// `spec` with the arguments that `rule` has beside `match`.
ConfigNode with_arguments(const ConfigNode& spec, const ConfigNode& rule) {
  std::vector<ConfigNode::Entry> entries = spec.entries();
  if (spec.is_scalar()) entries.push_back({"type", spec.origin(), spec.moved_to(spec.path().key("type"))});
  for (const ConfigNode::Entry& entry : rule.entries()) {
    if (entry.key == "match") continue;
    std::erase_if(entries, [&](const ConfigNode::Entry& given) { return given.key == entry.key; });
    entries.push_back(entry);
  }
  return ConfigNode::map(std::move(entries), spec.origin(), spec.path());
}

// The spec for one layer, with what `override` says about it.
ConfigNode spec_for(const ReplaceOptions& o, const ModulePlace& place, std::vector<size_t>& uses, const Patient& patient) {
  ConfigNode spec = o.with;
  for (size_t i = 0; i < o.override.size(); ++i) {
    const ConfigNode& rule = o.override[i];
    const ConfigNode* match = rule.find("match");
    if (!match) patient.refuse(rule, {.expected = "{match: SELECTOR, argument: value, ...}", .got = rule.describe()});
    const Selector selector = read_selector(*match, patient.diagnostics);
    if (std::ranges::none_of(place.paths, [&](const Path& path) { return matches(selector, place, path); })) continue;
    ++uses[i];
    spec = with_arguments(spec, rule);
  }
  return spec;
}

std::string amount(const Path& path, const Variable& v) { return fmt::format("{} {}", to_string(path), v.type().to_string()); }

// Whether the new Variable gets the values of the old one that fit into it.
bool overlaps(const Variable& was, const Variable& now, Keep keep) {
  return keep == Keep::overlap && was.type().dtype == DType::f32 && now.type().dtype == DType::f32 &&
         was.type().shape.rank() == now.type().shape.rank();
}

// Hands the Variables of `old` on to `fresh` where name, kind and type are the same; says what was not.
void keep_variables(ModuleBase& old, ModuleBase& fresh, const ModulePlace& place, Keep keep, OperationReport& report) {
  const Anatomy before(old), after(fresh);
  const auto full = [&](const Path& below) {
    Path path = place.path();
    path.insert(path.end(), below.begin(), below.end());
    return path;
  };
  for (const VariablePlace& was : before.variables) {
    const std::string had = amount(full(was.path()), was.variable);
    const auto now = std::ranges::find_if(after.variables, [&](const VariablePlace& p) { return p.path() == was.path(); });
    if (now == after.variables.end()) {
      report.notes.push_back(fmt::format("left out: {}", had));
      continue;
    }
    const bool kind = now->variable.kind().is_a(was.variable.kind());
    if (kind && now->variable.type() == was.variable.type()) {
      for (const VariableSlot& slot : now->slots) *slot.variable = was.variable;
    } else if (kind && overlaps(was.variable, now->variable, keep)) {
      now->slots[0].variable->set(overlapped(now->variable.get(), was.variable.get()));
      report.notes.push_back(fmt::format("resized: {} to {}", had, now->variable.type().to_string()));
    } else {
      report.notes.push_back(fmt::format("left out: {}; new: {}", had, now->variable.type().to_string()));
    }
  }
}

// A new layer for each target, from what `spec_of` says.
OperationReport replace_each(const ModuleTargets& targets, const TargetOptions& o, Keep keep, Patient& patient,
                             const std::function<ConfigNode(const ModulePlace&)>& spec_of) {
  refuse_nested(targets, o, patient);
  OperationReport report = report_of(targets);
  for (const ModulePlace* place : targets.places) {
    patient.claim(fmt::format("'{}' is replaced", to_string(place->path())), o.select);
    const std::vector<ModuleSlot> slots = slots_of(*place, targets.selector, o, patient);
    const Ref<Layer> fresh = build_like(spec_of(*place), *place->module, patient);
    if (keep != Keep::none) keep_variables(*place->module, *fresh, *place, keep, report);
    assign(patient, *place, slots, fresh.shared());
  }
  return report;
}

OperationReport replace(const ReplaceOptions& o, Patient& patient) {
  std::vector<size_t> uses(o.override.size(), 0);
  const ModuleTargets targets = module_targets(o, patient);
  OperationReport report =
      replace_each(targets, o, o.keep, patient, [&](const ModulePlace& place) { return spec_for(o, place, uses, patient); });
  for (size_t i = 0; i < uses.size(); ++i)
    if (uses[i] == 0 && !targets.places.empty())
      patient.refuse(o.override[i], {.message = "matches none of the replaced layers", .hint = fmt::format("they are {}", fmt::join(report.paths, ", "))});
  return report;
}

OperationReport resize(const ResizeOptions& o, Patient& patient) {
  const ModuleTargets targets = module_targets(o, patient);
  return replace_each(targets, o, o.keep, patient, [&](const ModulePlace& place) {
    const Origin origin = o.select.origin();
    const ConfigNode type = ConfigNode::scalar(place.module->type().name, false, origin, o.select.path().key("type"));
    std::vector<ConfigNode::Entry> entries{{"type", origin, type}};
    for (const auto& [name, value] : o.with) entries.push_back({name, value.origin(), value});
    return ConfigNode::map(std::move(entries), origin, o.select.path());
  });
}

}  // namespace

void add_replace(Operations& list) {
  list.add<ReplaceOptions>("replace", "puts other layers in the place of some", replace);
  list.add<ResizeOptions>("resize", "gives layers other sizes and keeps the values that fit", resize);
}

}  // namespace nnx
