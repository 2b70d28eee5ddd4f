// reinit: new values for Variables. cast: another element type.
#include <fmt/format.h>

#include "nn/initializers.h"
#include "surgery/operation.h"

namespace nnx {
namespace {

struct ReinitOptions : TargetOptions {
  ConfigNode init;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the Variables that get new values");
    f("init", self.init, component("initializer", Field{.help = "the initializer: lecun_normal, {type: normal, stddev: 0.02}, ..."}.must()));
  }
};
struct CastOptions : TargetOptions {
  std::string dtype;
  static void fields(auto& self, auto&& f) {
    target_fields(self, f, "the floating Variables to convert");
    f("dtype", self.dtype, Field{.help = "their new element type"}.must().among({"f32", "f64"}));
  }
};

OperationReport reinit(const ReinitOptions& o, Diagnostics& diagnostics, Patient& patient) {
  const Initializer init = initializers().build(o.init, diagnostics);
  const VariableTargets targets = variable_targets(o, patient);
  for (const VariablePlace* place : targets.places) {
    if (!is_floating(place->variable.type().dtype))
      patient.refuse(o.select, {.message = fmt::format("{} holds no floating numbers", described(*place))});
    patient.claim(fmt::format("'{}' gets new values", to_string(place->path())), o.select);
    Variable variable = changeable(*place, targets.selector, o, patient);
    const Array key = patient.rngs.params();
    const Array value = init(key, variable.shape());
    variable.set(variable.type().dtype == value.dtype() ? value : cast(value, variable.type().dtype));
  }
  return report_of(targets);
}

OperationReport cast_values(const CastOptions& o, Patient& patient) {
  VariableTargets targets = variable_targets(o, patient);
  std::erase_if(targets.places, [](const VariablePlace* place) { return !is_floating(place->variable.type().dtype); });
  if (targets.places.empty() && !o.optional) patient.refuse(o.select, {.message = "matches no Variable of floating numbers"});
  for (const VariablePlace* place : targets.places) {
    patient.claim(fmt::format("'{}' is cast", to_string(place->path())), o.select);
    Variable variable = changeable(*place, targets.selector, o, patient);
    variable.set(cast(variable.get(), dtype_from_name(o.dtype)));
  }
  return report_of(targets);
}

}  // namespace

void add_values(Operations& list) {
  list.add<ReinitOptions>("reinit", "draws new values for Variables", reinit);
  list.add<CastOptions>("cast", "converts Variables to another element type", cast_values);
}

}  // namespace nnx
