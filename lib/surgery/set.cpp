// set: numbers and settings of layers, such as the rate of a Dropout.
#include <fmt/format.h>

#include "config/scalar.h"
#include "surgery/operation.h"

namespace nnx {
namespace {

struct SetOptions : TargetOptions {
  std::vector<std::pair<std::string, ConfigNode>> attributes;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the layers that are meant");
    f("attributes", self.attributes, Field{.help = "new values by the names of attributes: {rate: 0.2}"}.must());
  }
};

// The value of a node as the type that `like` has.
StaticValue value_like(const StaticValue& like, const ConfigNode& node, Patient& patient) {
  Diagnostics& d = patient.diagnostics;
  const size_t before = d.count();
  StaticValue out;
  if (std::holds_alternative<bool>(like)) out = nnx::read<bool>(node, d);
  else if (std::holds_alternative<int64_t>(like)) out = nnx::read<int64_t>(node, d);
  else if (std::holds_alternative<double>(like)) out = nnx::read<double>(node, d);
  else if (std::holds_alternative<std::string>(like)) out = nnx::read<std::string>(node, d);
  else if (std::holds_alternative<std::vector<int64_t>>(like)) out = nnx::read<std::vector<int64_t>>(node, d);
  else patient.refuse(node, {.message = "this attribute is empty and its type is not known"});
  if (d.count() != before) d.throw_if_any();
  return out;
}

void set_one(ModuleBase& module, const std::string& name, const ConfigNode& node, const std::string& path, Patient& patient) {
  const Members attributes(module);
  std::vector<std::string> known;
  for (const auto& [n, number] : attributes.numbers) {
    known.push_back(n);
    if (n == name) return number->set(std::get<double>(value_like(StaticValue(0.0), node, patient)));
  }
  for (const auto& [n, member] : attributes.fixed) {
    known.push_back(n);
    if (n == name) return member.set(value_like(member.get(), node, patient));
  }
  const std::string near = nearest(name, known);
  patient.refuse(node, {.message = fmt::format("{} ({}) has no setting {}", path, module.type().name, in_quotes(name)),
                        .hint = (near.empty() ? "" : fmt::format("did you mean '{}'? ", near)) +
                                (known.empty() ? "it has none" : fmt::format("it has {}", fmt::join(known, ", ")))});
}

OperationReport set(const SetOptions& o, Patient& patient) {
  if (o.shared == Sharing::only_this)
    patient.refuse(o.select, {.message = "a setting belongs to the layer, not to a place: shared: all, or untie it first"});
  const ModuleTargets targets = module_targets(o, patient);
  for (const ModulePlace* place : targets.places) {
    if (place->paths.size() > 1 && !o.shared) slots_of(*place, targets.selector, o, patient);   // the error for it
    for (const auto& [name, node] : o.attributes) {
      const std::string path = to_string(place->path());
      patient.claim(fmt::format("'{}' of '{}' is set", name, path), node);
      set_one(*place->module, name, node, path, patient);
    }
  }
  return report_of(targets);
}

}  // namespace

void add_set(Operations& list) { list.add<SetOptions>("set", "changes numbers and settings of layers", set); }

}  // namespace nnx
