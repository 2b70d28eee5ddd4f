// freeze, unfreeze: what is trained. A frozen parameter has no gradient and no optimizer state; frozen statistics of a
// BatchNorm are used as they are, in training too. Random streams are never frozen.
#include <fmt/format.h>

#include <algorithm>

#include "surgery/operation.h"

namespace nnx {
namespace {

struct FreezeOptions : TargetOptions {
  static void fields(auto& self, auto&& f) { target_fields(self, f, "the parameters and statistics that are meant"); }
};

bool can_freeze(const Variable& v) { return v.kind().is_a(Param::static_kind()) || v.kind().is_a(BatchStat::static_kind()); }

OperationReport set_frozen(const FreezeOptions& o, bool frozen, Patient& patient) {
  VariableTargets targets = variable_targets(o, patient);
  std::erase_if(targets.places, [](const VariablePlace* place) { return !can_freeze(place->variable); });
  if (targets.places.empty() && !o.optional)
    patient.refuse(o.select, {.expected = "parameters or statistics", .got = in_quotes(targets.selector.text) + ", which matches none of them"});
  for (const VariablePlace* place : targets.places) freeze(changeable(*place, targets.selector, o, patient), frozen);
  OperationReport report = report_of(targets);
  report.candidates = static_cast<size_t>(std::ranges::count_if(targets.anatomy.variables, [](const VariablePlace& p) { return can_freeze(p.variable); }));
  return report;
}

}  // namespace

void add_freeze(Operations& list) {
  list.add<FreezeOptions>("freeze", "keeps parameters and statistics as they are", [](const FreezeOptions& o, Patient& p) { return set_frozen(o, true, p); });
  list.add<FreezeOptions>("unfreeze", "lets them be trained again", [](const FreezeOptions& o, Patient& p) { return set_frozen(o, false, p); });
}

}  // namespace nnx
