// merge_lora: the plain layer that computes what an adapted one does, kernel + scale A B. The sum is computed in f64 and
// rounded once: what is left of a difference comes from the forward pass, which rounds x A and x A B.
#include <fmt/format.h>

#include "nn/lora.h"
#include "surgery/operation.h"

namespace nnx {
namespace {

struct MergeLoraOptions : TargetOptions {
  MergeLoraOptions() { select = ConfigNode("..."); }
  static void fields(auto& self, auto&& f) {
    f("select", self.select, Field{.help = "the LoRALinear layers, and LoRA around a Linear, to merge"});
    f("shared", self.shared, Field{.help = "all: also layers that have several places; null: an error"});
    f("expect", self.expect, Field{.help = "how many there must be; null: one or more"}.at_least(0));
    f("optional", self.optional, Field{.help = "whether there may be none"});
  }
};

// The adapter of a layer and what it adapts; none for other layers.
struct Adapted {
  Ref<LoRA> lora;
  std::shared_ptr<Linear> base;
};
Adapted adapted(const std::shared_ptr<ModuleBase>& module) {
  if (const auto linear = std::dynamic_pointer_cast<LoRALinear>(module)) return {linear->lora, linear};
  if (const auto lora = std::dynamic_pointer_cast<LoRA>(module))
    return {Ref<LoRA>(lora), std::dynamic_pointer_cast<Linear>(lora->base_module.shared())};
  return {};
}

Ref<Linear> merged(const Adapted& from) {
  auto plain = make<Linear>();
  plain->in_features = from.base->in_features;
  plain->out_features = from.base->out_features;
  plain->bias = from.base->bias;
  const Array kernel = from.base->kernel.get();
  const Array sum = cast(kernel, DType::f64) + from.lora->update();
  plain->kernel = Param(cast(sum, kernel.dtype()));   // a new one: whether the old one was frozen says nothing of it
  return plain;
}

bool kernel_is_shared(const Anatomy& anatomy, const Variable& kernel) {
  for (const VariablePlace& place : anatomy.variables)
    if (place.variable.same(kernel)) return place.slots.size() > 1;
  return false;
}

OperationReport merge_lora(const MergeLoraOptions& o, Patient& patient) {
  TargetOptions every = o;
  every.expect.reset();
  every.optional = true;
  ModuleTargets targets = module_targets(every, patient);
  // Outer layers first: a LoRALinear holds a LoRA that is no layer of its own.
  std::erase_if(targets.places, [](const ModulePlace* place) {
    const Adapted a = adapted(place->module);
    return !a.lora || !a.base;
  });
  if (o.expect && static_cast<size_t>(*o.expect) != targets.places.size())
    patient.refuse(o.select, {.expected = fmt::format("{} matches, as `expect` says", *o.expect), .got = std::to_string(targets.places.size())});
  if (targets.places.empty() && !o.optional && o.expect != 0)
    patient.refuse(o.select, {.message = "matches no LoRALinear and no LoRA around a Linear"});
  for (const ModulePlace* place : targets.places) {
    const std::vector<ModuleSlot> slots = slots_of(*place, targets.selector, o, patient);
    const Adapted from = adapted(place->module);
    if (kernel_is_shared(targets.anatomy, from.base->kernel))
      patient.refuse(o.select, {.message = fmt::format("the kernel of '{}' is shared with another layer, which would change too", to_string(place->path())),
                                .hint = "untie it first"});
    assign(patient, *place, slots, merged(from).shared());
  }
  OperationReport report = report_of(targets);
  report.noun = "adapted layers";
  report.candidates = report.matched;
  return report;
}

}  // namespace

void add_merge_lora(Operations& list) { list.add<MergeLoraOptions>("merge_lora", "adds low-rank updates to the kernels they adapt", merge_lora); }

}  // namespace nnx
