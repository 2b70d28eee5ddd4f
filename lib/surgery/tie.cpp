// tie: one object at two places, or a kernel that two Linear layers use in both directions. untie: an object of its own at each
// place.
#include <fmt/format.h>

#include <algorithm>

#include "nn/transposed_linear.h"
#include "surgery/operation.h"

namespace nnx {
namespace {

struct TieOptions {
  std::string select, to;
  bool transpose = false;
  static void fields(auto& self, auto&& f) {
    f("select", self.select, Field{.help = "the path of the layer or Variable that goes"}.must());
    f("to", self.to, Field{.help = "the path of the one that takes its place, and stays where it is"}.must());
    f("transpose", self.transpose, Field{.help = "of the kernels of two Linear layers: the first becomes a TransposedLinear with that of the second"});
  }
};
struct UntieOptions : TargetOptions {
  static void fields(auto& self, auto&& f) { target_fields(self, f, "the layers or Variables that are shared"); }
};

template <class Place> const Place* place_of(const std::vector<Place>& places, const Path& path) {
  const auto at = std::ranges::find_if(places, [&](const Place& p) { return std::ranges::find(p.paths, path) != p.paths.end(); });
  return at == places.end() ? nullptr : &*at;
}

[[noreturn]] void refuse_path(const std::string& path, const Anatomy& anatomy) {
  std::vector<std::string> names;
  for (const ModulePlace& p : anatomy.modules)
    for (const Path& at : p.paths)
      if (!at.empty()) names.push_back(to_string(at));
  for (const VariablePlace& p : anatomy.variables)
    for (const Path& at : p.paths) names.push_back(to_string(at));
  const std::string near = nearest(path, names);
  fail(ErrorKind::structure, {.message = fmt::format("there is no {} in the model", in_quotes(path)),
                              .hint = fmt::format("{}it has {}", near.empty() ? "" : fmt::format("did you mean '{}'? ", near), fmt::join(names, ", "))});
}

OperationReport tie_variables(const VariablePlace& from, const VariablePlace& to) {
  if (from.variable.type() != to.variable.type())
    fail(ErrorKind::structure, {.message = fmt::format("{} and {} are not of one type", described(from), described(to))});
  for (const VariableSlot& slot : from.slots) *slot.variable = to.variable;
  return {.matched = 1, .candidates = 1, .noun = "Variable", .paths = {to_string(from.path())}};
}

// The layer of the first kernel computes with the transpose of the second.
OperationReport tie_transposed(const VariablePlace& from, const VariablePlace& to, const Anatomy& anatomy, Patient& patient) {
  const Path holder(from.path().begin(), from.path().end() - 1);
  const ModulePlace* place = place_of(anatomy.modules, holder);
  const auto linear = place && from.path().back().name == "kernel" ? std::dynamic_pointer_cast<Linear>(place->module) : nullptr;
  if (!linear || linear->type().name != "Linear")
    fail(ErrorKind::structure, {.message = fmt::format("{} is not the kernel of a Linear", described(from)), .hint = "transpose is for those"});
  const Type &have = from.variable.type(), &want = to.variable.type();
  if (want.shape.rank() != 2 || have.dtype != want.dtype || have.shape[0] != want.shape[1] || have.shape[1] != want.shape[0])
    fail(ErrorKind::structure, {.message = fmt::format("{} and {} are not transposes of each other", described(from), described(to))});
  Param kernel;
  static_cast<Variable&>(kernel) = to.variable;
  assign(patient, *place, place->slots, make<TransposedLinear>(*linear, kernel).shared());
  return {.matched = 1, .candidates = 1, .noun = "Linear", .paths = {to_string(from.path())}};
}

OperationReport tie(const TieOptions& o, Patient& patient) {
  const Anatomy anatomy = patient.anatomy();
  const Path from = parse_path(o.select), to = parse_path(o.to);
  const ModulePlace *module = place_of(anatomy.modules, from), *module_to = place_of(anatomy.modules, to);
  const VariablePlace *variable = place_of(anatomy.variables, from), *variable_to = place_of(anatomy.variables, to);
  if (from.empty() || (!module && !variable)) refuse_path(o.select, anatomy);
  if (to.empty() || (!module_to && !variable_to)) refuse_path(o.to, anatomy);
  if (variable && variable_to) {
    if (variable == variable_to) fail(ErrorKind::structure, {.message = "they are one Variable already"});
    return o.transpose ? tie_transposed(*variable, *variable_to, anatomy, patient) : tie_variables(*variable, *variable_to);
  }
  if (o.transpose) fail(ErrorKind::structure, {.message = "transpose is for kernels, and one of these is a layer"});
  if (!module || !module_to) fail(ErrorKind::structure, {.message = "one is a layer and the other a Variable"});
  if (module == module_to) fail(ErrorKind::structure, {.message = "they are one layer already"});
  assign(patient, *module, module->slots, module_to->module);
  return {.matched = 1, .candidates = 1, .noun = module_to->module->type().name, .paths = {to_string(module->path())}};
}

// Each place but the first gets a copy: the values stay, the sharing goes.
OperationReport untie(const UntieOptions& o, Patient& patient) {
  const Selector selector = read_selector(o.select, patient.diagnostics);
  const Anatomy anatomy = patient.anatomy();
  OperationReport report{.noun = "shared objects"};
  const auto chosen = [&](const auto& place) {
    return place.slots.size() > 1 && std::ranges::any_of(place.paths, [&](const Path& path) { return matches(selector, place, path); });
  };
  for (const ModulePlace& place : anatomy.modules) {
    report.candidates += place.slots.size() > 1;
    if (!chosen(place)) continue;
    for (size_t i = 1; i < place.slots.size(); ++i) place.slots[i].slot.assign(clone(Ref<ModuleBase>(place.module)).shared());
    report.paths.push_back(to_string(place.path()));
  }
  for (const VariablePlace& place : anatomy.variables) {
    report.candidates += place.slots.size() > 1;
    if (!chosen(place)) continue;
    for (size_t i = 1; i < place.slots.size(); ++i) {
      Variable copy(place.variable.kind(), place.variable.get(), place.variable.metadata());
      copy.cell()->tag = place.variable.tag();
      *place.slots[i].variable = copy;
    }
    report.paths.push_back(to_string(place.path()));
  }
  report.matched = report.paths.size();
  if (report.paths.empty() && !o.optional) {
    std::vector<std::string> shared;
    for (const auto& paths : find_duplicates_of(*patient.model)) shared.push_back(to_string(paths.front()));
    patient.refuse(o.select, {.message = "matches nothing that is shared",
                              .hint = shared.empty() ? "nothing in the model is" : fmt::format("shared are {}", fmt::join(shared, ", "))});
  }
  return report;
}

}  // namespace

void add_tie(Operations& list) {
  list.add<TieOptions>("tie", "puts one layer or Variable at a second place", tie);
  list.add<UntieOptions>("untie", "gives each place of a shared object one of its own", untie);
}

}  // namespace nnx
