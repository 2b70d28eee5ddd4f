// An operation changes a model: `replace`, `freeze`, `load`... Each is an options struct with `fields` and one function
// in a file of its own, and one line in builtin.cpp.
//
//   OperationReport replace(const ReplaceOptions& options, Patient& patient);
//
// What does not fit the model is reported to patient.diagnostics, at the place in the config that says it, and thrown as
// ConfigError; the model may then be changed in part and is not to be used.
#pragma once

#include <functional>

#include "surgery/selector.h"
#include "nn/layer.h"

namespace nnx {

// The State of a run, for `load`: see surgery.h.
struct LoadedState {
  std::string name;   // "runs/base@1200"
  State state;
};
using StateReader = std::function<LoadedState(const std::string& reference)>;

struct Patient {
  Ref<Layer>& model;
  Rngs& rngs;
  Diagnostics& diagnostics;
  StateReader read_state;
  std::string where = {};                           // of the operation that runs: "lora.yaml:3:5"
  std::map<std::string, std::string> gone = {};     // paths that were taken away, and by what
  std::map<std::string, std::string> claimed = {};  // what has been changed, and where that is written

  Anatomy anatomy() const;
  // Reports at `node` and throws.
  [[noreturn]] void refuse(const ConfigNode& node, ErrorParts parts) const;
  // Notes that `what` is changed; a second operation of the same surgery that says so is an error at `node`.
  void claim(const std::string& what, const ConfigNode& node);
};

// What an operation did.
struct OperationReport {
  std::string where = {}, operation = {}, selector = {};   // filled in by operate()
  size_t matched = 0, candidates = 0;
  std::string noun = {};                                   // "Linear", "Variables": what the candidates are
  std::vector<std::string> paths = {};
  std::vector<std::string> notes = {};                     // what was left out, or made anew
};

enum class Sharing { all, only_this };
inline std::vector<std::string_view> enum_names(Sharing) { return {"all", "this"}; }

// What all operations on layers or Variables say.
struct TargetOptions {
  ConfigNode select;
  std::optional<Sharing> shared;
  std::optional<int64_t> expect;
  bool optional = false;
};
void target_fields(auto& self, auto&& f, std::string_view help) {
  f("select", self.select, Field{.help = help}.must());
  f("shared", self.shared, Field{.help = "where an object has several places: all of them, or this one; null: an error"});
  f("expect", self.expect, Field{.help = "how many must match; null: one or more"}.at_least(0));
  f("optional", self.optional, Field{.help = "whether it may match nothing"});
}

// The layers, or Variables, that the options choose. Counts are checked.
struct ModuleTargets {
  Selector selector;
  Anatomy anatomy;
  std::vector<const ModulePlace*> places;
};
struct VariableTargets {
  Selector selector;
  Anatomy anatomy;
  std::vector<const VariablePlace*> places;
};
ModuleTargets module_targets(const TargetOptions& options, const Patient& patient);
VariableTargets variable_targets(const TargetOptions& options, const Patient& patient);
// The one layer that a selector means.
ModuleTargets one_module(const ConfigNode& select, const Patient& patient);
OperationReport report_of(const ModuleTargets& targets);
OperationReport report_of(const VariableTargets& targets);

// The attributes that are to hold something else: all of a place, or those that `shared: this` means. An object with
// several places needs `shared`.
std::vector<ModuleSlot> slots_of(const ModulePlace& place, const Selector& selector, const TargetOptions& options, const Patient& patient);
// Puts `module` there; the model itself when the place is the root.
void assign(Patient& patient, const ModulePlace& place, const std::vector<ModuleSlot>& slots, const std::shared_ptr<ModuleBase>& module);
// The Variable whose value is to change: for `shared: this` a copy, put into the places meant. Errors as slots_of.
Variable changeable(const VariablePlace& place, const Selector& selector, const TargetOptions& options, const Patient& patient);

// A layer from its spec. Arguments that the spec leaves out and `like` has are taken from there: in_features,
// out_features, rate, use_bias...
Ref<Layer> build_like(const ConfigNode& spec, ModuleBase& like, Patient& patient);

// `into` with the corner that both have taken from `from`; f32, of as many axes.
Array overlapped(const Array& into, const Array& from);

using Operations = Registry<OperationReport(Patient&)>;
// The explicit list: builtin.cpp.
const Operations& operations();
void add_replace(Operations& list);      // replace, resize
void add_wrap(Operations& list);         // wrap, unwrap
void add_sequence(Operations& list);     // insert, copy, remove, rename
void add_freeze(Operations& list);       // freeze, unfreeze
void add_tie(Operations& list);          // tie, untie
void add_values(Operations& list);       // reinit, cast
void add_load(Operations& list);         // load
void add_merge_lora(Operations& list);   // merge_lora
void add_set(Operations& list);          // set

}  // namespace nnx
