// replace: other layers in the place of some, which keep the Variables that fit.
#include <fmt/format.h>

#include <algorithm>

#include "surgery/operation.h"

namespace nnx {
namespace {

enum class Keep { matching, none };
std::vector<std::string_view> enum_names(Keep) { return {"matching", "none"}; }

struct ReplaceOptions : TargetOptions {
  ConfigNode with;
  std::vector<ConfigNode> override;
  Keep keep = Keep::matching;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the layers to replace");
    f("with", self.with, Field{.help = "the layer that comes; arguments it leaves out are those of the replaced layer"}.must());
    f("override", self.override, Field{.help = "other arguments for some: [{match: SELECTOR, argument: value}, ...]"});
    f("keep", self.keep, Field{.help = "matching: Variables of the same name, kind and type stay the same Variables"});
  }
};

bool starts_with(const Path& path, const Path& prefix) {
  return path.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

void refuse_nested(const ModuleTargets& targets, const ReplaceOptions& o, const Patient& patient) {
  for (const ModulePlace* inner : targets.places)
    for (const ModulePlace* outer : targets.places)
      if (starts_with(inner->path(), outer->path()))
        patient.refuse(o.select, {.message = fmt::format("'{}' lies inside of '{}', which is replaced as well", to_string(inner->path()), to_string(outer->path())),
                                  .hint = "exclude one of them: not: " + to_string(inner->path())});
}

// `spec` with the arguments that `rule` has beside `match`.
ConfigNode with_arguments(const ConfigNode& spec, const ConfigNode& rule) {
  std::vector<ConfigNode::Entry> entries = spec.entries();
  if (spec.is_scalar()) entries.push_back({"type", spec.origin(), spec});
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

// Hands the Variables of `old` on to `fresh` where name, kind and type are the same; says what was not.
void keep_variables(ModuleBase& old, ModuleBase& fresh, const ModulePlace& place, OperationReport& report) {
  const Anatomy before(old), after(fresh);
  const auto full = [&](const Path& below) {
    Path path = place.path();
    path.insert(path.end(), below.begin(), below.end());
    return path;
  };
  for (const VariablePlace& was : before.variables) {
    const auto now = std::ranges::find_if(after.variables, [&](const VariablePlace& p) { return p.path() == was.path(); });
    const bool same = now != after.variables.end() && now->variable.type() == was.variable.type() &&
                      now->variable.kind().is_a(was.variable.kind());
    if (same) {
      for (const VariableSlot& slot : now->slots) *slot.variable = was.variable;
      continue;
    }
    report.notes.push_back(now == after.variables.end()
                               ? fmt::format("left out: {}", amount(full(was.path()), was.variable))
                               : fmt::format("left out: {}; new: {}", amount(full(was.path()), was.variable), now->variable.type().to_string()));
  }
}

OperationReport replace(const ReplaceOptions& o, Patient& patient) {
  const ModuleTargets targets = module_targets(o, patient);
  refuse_nested(targets, o, patient);
  OperationReport report = report_of(targets);
  std::vector<size_t> uses(o.override.size(), 0);
  for (const ModulePlace* place : targets.places) {
    patient.claim(fmt::format("'{}' is replaced", to_string(place->path())), o.select);
    const std::vector<ModuleSlot> slots = slots_of(*place, targets.selector, o, patient);
    const Ref<Layer> fresh = build_like(spec_for(o, *place, uses, patient), *place->module, patient);
    if (o.keep == Keep::matching) keep_variables(*place->module, *fresh, *place, report);
    assign(patient, *place, slots, fresh.shared());
  }
  for (size_t i = 0; i < uses.size(); ++i)
    if (uses[i] == 0 && !targets.places.empty())
      patient.refuse(o.override[i], {.message = "matches none of the replaced layers", .hint = fmt::format("they are {}", fmt::join(report.paths, ", "))});
  return report;
}

}  // namespace

void add_replace(Operations& list) {
  list.add<ReplaceOptions>("replace", "puts other layers in the place of some", replace);
}

}  // namespace nnx
