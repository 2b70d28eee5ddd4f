#include "nnx/probe.h"

#include "nnx/functional.h"
#include "nnx/lifted.h"
#include "nnx/rngs.h"
#include "nnx/selective_visitor.h"
#include "nnx/walk.h"

namespace nnx {
namespace {

void add_types(const CallValue& value, std::vector<Type>& out) {
  if (const auto* array = std::get_if<Array>(&value.value)) out.push_back(array->type());
  if (const auto* list = std::get_if<CallValue::List>(&value.value))
    for (const CallValue& item : *list) add_types(item, out);
  if (const auto* map = std::get_if<CallValue::Map>(&value.value))
    for (const auto& [name, item] : *map) add_types(item, out);
}

// FLOPs of `module`, which has no Modules inside, for one Array; 0 for what else it may take or give.
double flops_of(const Ref<ModuleBase>& module, const CallArguments& arguments) {
  if (arguments.size() != 1 || !std::holds_alternative<Array>(arguments[0].value)) return 0;
  const auto forward = jit([](Ref<ModuleBase> m, Array x) {
    const CallValue result = m->call({x});
    return std::holds_alternative<Array>(result.value) ? result.as<Array>() : x;
  });
  forward(clone(module), arguments[0].as<Array>());
  return forward.plan()->report().flops;
}

// Takes notes of the calls of the Modules it knows. Calls nest.
class Recorder final : public detail::CallObserver {
 public:
  Recorder() { detail::call_observer = this; }
  ~Recorder() override { detail::call_observer = nullptr; }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  std::map<const ModuleBase*, std::string> known;  // paths; looked up, never walked
  std::map<std::string, CallRecord> records;
  bool measures = true;                  // FLOPs
  std::optional<FailedCall> failed = {};  // the first Module that did not return

  void enter(ModuleBase&) override { flops_before_.push_back(flops_); }
  void leave(ModuleBase& module, const CallArguments& arguments, const CallValue& result) override {
    const double before = flops_before_.back();
    flops_before_.pop_back();
    const auto found = known.find(&module);
    if (found == known.end()) return;
    // What ran no measured Module inside is measured whole. Bodies of loops are traced: the Module that runs the loop counts.
    if (measures && flops_ == before && !Trace::current()) {
      detail::call_observer = nullptr;  // what is called to count is no call of the model
      flops_ += flops_of(Ref<ModuleBase>(module.shared_from_this()), arguments);
      detail::call_observer = this;
    }
    CallRecord& record = records[found->second];
    if (record.calls++ == 0) {
      add_types(CallValue(arguments), record.inputs);
      add_types(result, record.outputs);
    }
    record.flops += flops_ - before;
  }
  // In a catch block.
  void fail(ModuleBase& module, const CallArguments& arguments) {
    const auto found = known.find(&module);
    if (failed || found == known.end()) return;
    failed = {.path = found->second, .inputs = {}, .error = std::current_exception()};
    add_types(CallValue(arguments), failed->inputs);
  }

 private:
  double flops_ = 0;  // of all leaves that were called so far
  std::vector<double> flops_before_;
};

// Stands where a Module stood and tells of its calls, which may come without a Ref's operator().
class Probe final : public Module<Probe, Layer>, public StandIn {
 public:
  Probe() = default;
  Probe(Ref<ModuleBase> module, Recorder& recorder) : inner(std::move(module)), recorder_(&recorder) {}
  Array operator()(const Array& x) override { return call({x}).as<Array>(); }
  CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) override {
    if (!recorder_) return inner->call(arguments, keywords);  // in a copy, made to count what a loop runs
    recorder_->enter(*inner);
    try {
      CallValue result = inner->call(arguments, keywords);
      recorder_->leave(*inner, arguments, result);
      return result;
    } catch (const Error&) {
      recorder_->fail(*inner, arguments);
      throw;
    }
  }
  ModuleBase& behind() override { return *inner; }
  static void fields(auto& self, auto&& f) { f("inner", self.inner); }

  Ref<ModuleBase> inner;

 private:
  Recorder* recorder_ = nullptr;
};

// The references of one Module to others; containers are walked through.
class SlotCollector final : public SelectiveVisitor {
 public:
  void module(FieldName, RefSlot slot) override {
    if (slot.module() && !dynamic_cast<RngStream*>(slot.module()) && !dynamic_cast<Rngs*>(slot.module()))
      slots.push_back(slot);
  }

  std::vector<RefSlot> slots;
};

std::vector<RefSlot> slots_of(ModuleBase& module) {
  SlotCollector collector;
  module.accept(collector);
  return std::move(collector.slots);
}

// Puts `probe` into the slot unless the slot is for a type of its own.
void try_assign(const RefSlot& slot, const std::shared_ptr<ModuleBase>& probe) {
  try {
    slot.assign(probe);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::structure) throw;
  }
}

// A copy of `module` with a Probe in front of each of its Modules; the result is that of the root.
Ref<ModuleBase> watched_copy(ModuleBase& module, Recorder& recorder) {
  const Split parts = split_states(module, {});
  const Ref<ModuleBase> copy(merge_states(parts.graphdef, parts.states));
  const Flattened flat = flatten(*copy);
  std::map<const ModuleBase*, std::shared_ptr<ModuleBase>> probes;  // looked up, never walked
  for (size_t i = 0; i < flat.modules.size(); ++i)
    if (const auto& m = flat.modules[i]) {
      recorder.known[m.get()] = flat.paths[i].empty() ? "." : to_string(flat.paths[i]);
      probes[m.get()] = std::make_shared<Probe>(Ref<ModuleBase>(m), recorder);
    }
  for (const auto& m : flat.modules)
    if (m)
      for (const RefSlot& slot : slots_of(*m)) try_assign(slot, probes.at(slot.module()));
  return Ref<ModuleBase>(probes.at(copy.get()));
}

}  // namespace

std::map<std::string, CallRecord> record_calls(ModuleBase& module, const CallArguments& inputs, const CallKeywords& keywords) {
  Recorder recorder;
  watched_copy(module, recorder)->call(inputs, keywords);
  return std::move(recorder.records);
}

CallValue watched_call(ModuleBase& module, const CallArguments& inputs, const CallKeywords& keywords,
                       std::optional<FailedCall>& failed) {
  Recorder recorder;
  recorder.measures = false;
  try {
    return watched_copy(module, recorder)->call(inputs, keywords);
  } catch (const Error&) {
    failed = std::move(recorder.failed);
    throw;
  }
}

}  // namespace nnx
