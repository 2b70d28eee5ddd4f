// Attributes of Modules whose types only run time knows: what a Composite holds, and what `encoder.linear1.kernel` finds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nnx/nnx.h"

namespace nnx::lang {

// A Module, a Variable, a static value, or a list or map of these.
struct Attribute {
  using List = std::vector<Attribute>;
  using Map = std::map<std::string, Attribute>;
  std::variant<Ref<ModuleBase>, Variable, bool, int64_t, double, std::string, std::vector<int64_t>, List, Map> value;

  Ref<ModuleBase> module() const;   // or empty
  Variable variable() const;        // or empty
  std::string kind() const;         // "the Module Linear", "the Param f32[3]", "a list of 2"
  void visit(FieldVisitor& visitor, FieldName name);
};

// An Attribute with the form that `def.nodes` gives it, for rebuild to fill in.
Attribute blank_attribute(const GraphDef& def, const AttributeDef& attribute);

// The Module itself, or the one behind a stand-in (nnx/probe.h).
ModuleBase& behind(ModuleBase& module);

// The attribute of any Module, seen through its `fields`; an Array stands for a bare Array or a Number.
using Found = std::variant<Attribute, Array>;
std::optional<Found> find_attribute(ModuleBase& module, std::string_view name);
std::vector<std::string> attribute_names(ModuleBase& module);

}  // namespace nnx::lang
