// A Definition is one entry of the `modules:` of a config as it is read: its names, its attributes as they are written,
// and its call as a program. Layers are made of it by lang/definitions.h.
//
//   if (auto definition = read_definition("MLP", node, builtin_layers(), diagnostics)) ...
#pragma once

#include <optional>
#include <span>

#include "lang/composite.h"
#include "nn/layer.h"

namespace nnx::lang {

struct Argument {
  std::string name;
  std::optional<ConfigNode> initial = {};  // none: required
};

struct Definition {
  std::string name;
  std::vector<Argument> arguments;
  std::vector<std::pair<std::string, ConfigNode>> attributes;
  const CompositeType* type = nullptr;
  bool broken = false;  // what is wrong was reported
};

// Reports what is wrong with it. Nothing for a name that no Module type can have.
std::optional<Definition> read_definition(const std::string& name, const ConfigNode& node, const Layers& builtin,
                                          Diagnostics& diagnostics);
// Reports unknown types in the spec of an attribute: they can be known before anything is made.
void check_attribute(const ConfigNode& spec, const Layers& layers, Diagnostics& diagnostics);

bool is_ref(const ConfigNode& node);  // {ref: path}

// The value of an argument as a static attribute: true or false, a number, a text, a list of integers; nullopt for
// others.
std::optional<Attribute> static_attribute(const ConfigNode& node);

struct ParamOptions {  // of {type: Param} among the attributes
  std::vector<int64_t> shape;
  ConfigNode init{"zeros"};
  static void fields(auto& self, auto&& f) {
    f("shape", self.shape, Field{.help = "its sizes"}.at_least(1).must());
    f("init", self.init, component("initializer", Field{.help = "its initializer"}));
  }
};

// The keys of a definition, for explain and the schema. Its fields name what stands there as components do: "names"
// (arguments, inputs) and "attribute" (a layer, a Param, a ref, a list or map of these).
const std::vector<FieldDoc>& definition_fields();
std::span<const std::string_view> reserved_types();  // names that files use for Modules of the program itself

}  // namespace nnx::lang
