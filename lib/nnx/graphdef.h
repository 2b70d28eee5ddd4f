// A GraphDef is the static half of an object graph: types, attribute names, static values, and who shares what. It can be
// compared, hashed, printed and written to a file; with State it makes the objects again.
//
// Nodes are numbered in flatten order: depth first, attributes by name. An attribute that names an earlier node is a
// shared reference; containers are nodes that are never shared. Node 0 is the root.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nnx/field_visitor.h"
#include "nnx/module.h"

namespace nnx {

struct AttributeDef {
  enum class Form : uint8_t { none, node, fixed, number, array };
  Key key;
  Form form = Form::none;
  int node = -1;                 // Form::node
  StaticValue value = {};        // Form::fixed; Form::number holds a double
  bool sown = false;             // not of `fields`, but made by sow() or perturb()
  friend bool operator==(const AttributeDef&, const AttributeDef&) = default;
};

struct NodeDef {
  enum class Form : uint8_t { module, variable, list, map };
  Form form = Form::module;
  const ModuleType* type = nullptr;        // of a module
  const VariableKind* kind = nullptr;      // of a variable, with what follows
  Metadata metadata = {};
  std::string tag = {};
  std::vector<AttributeDef> attributes = {};
  friend bool operator==(const NodeDef&, const NodeDef&) = default;
};

struct GraphDef {
  std::vector<NodeDef> nodes;

  friend bool operator==(const GraphDef&, const GraphDef&) = default;
  uint64_t hash() const;
  std::string to_string() const;           // an indented tree
  std::string to_json() const;
  static GraphDef from_json(std::string_view text);   // throws ErrorKind::data; depth and size limited
};

// Module types known by name: for GraphDefs from files. Types register when first flattened.
void register_module_type(const ModuleType& type);
const ModuleType* find_module_type(std::string_view name);

}  // namespace nnx
