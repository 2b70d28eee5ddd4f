// wrap: a layer around another, which becomes its child. unwrap: the child in the place of the layer around it.
#include <fmt/format.h>

#include "surgery/operation.h"

namespace nnx {
namespace {

struct WrapOptions : TargetOptions {
  ConfigNode with;
  std::optional<std::string> child;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the layers to wrap");
    f("with", self.with, component("layer", Field{.help = "the layer around; arguments it leaves out are those of the wrapped layer"}.must()));
    f("child", self.child, Field{.help = "its attribute that holds the wrapped layer; null: the one that is empty"});
  }
};
struct UnwrapOptions : TargetOptions {
  std::optional<std::string> child;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the layers to take away from around their child");
    f("child", self.child, Field{.help = "the attribute that holds the child; null: the only one there is"});
  }
};

// The attribute that `child` names, or the only one of the right sort.
RefSlot child_slot(ModuleBase& module, const std::optional<std::string>& child, bool filled, const ConfigNode& node, const Patient& patient) {
  std::vector<std::pair<std::string, RefSlot>> fitting;
  std::vector<std::string> names;
  for (const auto& [name, slot] : Members(module).modules) {
    const bool layer = dynamic_cast<Layer*>(slot.module()) != nullptr;
    if (filled ? !layer : slot.module() != nullptr) continue;
    names.push_back(name);
    if (!child || *child == name) fitting.emplace_back(name, slot);
  }
  if (fitting.size() != 1)
    patient.refuse(node, {.expected = fmt::format("one {} attribute of {}{}", filled ? "layer" : "empty", module.type().name, child ? " called " + in_quotes(*child) : ""),
                          .got = names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")),
                          .hint = names.size() > 1 ? "child: NAME says which" : ""});
  return fitting[0].second;
}

OperationReport wrap(const WrapOptions& o, Patient& patient) {
  const ModuleTargets targets = module_targets(o, patient);
  for (const ModulePlace* place : targets.places) {
    patient.claim(fmt::format("'{}' is wrapped", to_string(place->path())), o.select);
    const std::vector<ModuleSlot> slots = slots_of(*place, targets.selector, o, patient);
    const Ref<Layer> around = build_like(o.with, *place->module, patient);
    child_slot(*around, o.child, false, o.with, patient).assign(place->module);
    assign(patient, *place, slots, around.shared());
  }
  return report_of(targets);
}

OperationReport unwrap(const UnwrapOptions& o, Patient& patient) {
  const ModuleTargets targets = module_targets(o, patient);
  OperationReport report = report_of(targets);
  for (const ModulePlace* place : targets.places) {
    patient.claim(fmt::format("'{}' is unwrapped", to_string(place->path())), o.select);
    const std::vector<ModuleSlot> slots = slots_of(*place, targets.selector, o, patient);
    const auto child = child_slot(*place->module, o.child, true, o.select, patient).module()->shared_from_this();
    assign(patient, *place, slots, child);
  }
  return report;
}

}  // namespace

void add_wrap(Operations& list) {
  list.add<WrapOptions>("wrap", "puts a layer around others, which become its child", wrap);
  list.add<UnwrapOptions>("unwrap", "puts the child of a layer in its place", unwrap);
}

}  // namespace nnx
