// Static attributes of many Modules at once: training and evaluation mode, views, and metadata of Variables.
//
//   set_attributes(model, {{"deterministic", true}}, only<Dropout>);
//   auto frozen = view(model, {{"deterministic", true}, {"use_running_average", true}});   // shares the Variables
//   train(model);   eval(model);
//   set_metadata(model, path("encoder.**"), {{"frozen", true}});
#pragma once

#include "nnx/traverse.h"

namespace nnx {

// Which Modules: all, those a Filter chooses by path or type, or those of a predicate.
class ModuleFilter {
 public:
  using Predicate = std::function<bool(const Path&, ModuleBase&)>;
  ModuleFilter() : ModuleFilter(Predicate([](const Path&, ModuleBase&) { return true; })) {}
  ModuleFilter(const Filter& filter);   // path, below, re, held_by and combinations
  ModuleFilter(Predicate predicate) : predicate_(std::move(predicate)) {}
  bool matches(const Path& path, ModuleBase& module) const { return predicate_(path, module); }

 private:
  Predicate predicate_;
};
template <class M>
inline const ModuleFilter only = ModuleFilter([](const Path&, const ModuleBase& m) { return dynamic_cast<const M*>(&m) != nullptr; });

using Attributes = std::map<std::string, StaticValue>;

// Sets each attribute wherever a chosen Module has it; Numbers are attributes too. Throws ErrorKind::structure listing
// those that no chosen Module has, before anything is set, and for a value of another type.
void set_attributes_of(ModuleBase& module, const Attributes& values, const ModuleFilter& which = {});
template <class T> void set_attributes(const Ref<T>& module, const Attributes& values, const ModuleFilter& which = {}) {
  set_attributes_of(*module, values, which);
}

// New Modules with these attributes changed, holding the same Variables: training one trains the other, and random counts
// go on together. Throws as set_attributes.
Ref<ModuleBase> view_of(ModuleBase& module, const Attributes& values, const ModuleFilter& which = {});
template <class T> Ref<T> view(const Ref<T>& module, const Attributes& values, const ModuleFilter& which = {}) {
  return as<T>(view_of(*module, values, which));
}

// Training and evaluation mode: `deterministic` and `use_running_average` wherever they are.
void set_training(ModuleBase& module, bool training);
template <class T> void train(const Ref<T>& module) { set_training(*module, true); }
template <class T> void eval(const Ref<T>& module) { set_training(*module, false); }
Ref<ModuleBase> mode_view_of(ModuleBase& module, bool training);
template <class T> Ref<T> train_view(const Ref<T>& module) { return as<T>(mode_view_of(*module, true)); }
template <class T> Ref<T> eval_view(const Ref<T>& module) { return as<T>(mode_view_of(*module, false)); }

// Sets metadata of every Variable that the filter matches; what it has beside stays. Gives how many there were.
int set_metadata_of(ModuleBase& module, const Filter& filter, const Metadata& values);
template <class T> int set_metadata(const Ref<T>& module, const Filter& filter, const Metadata& values) {
  return set_metadata_of(*module, filter, values);
}

}  // namespace nnx
