// The tree that people see of an object graph: attributes in flatten order with what is known of each. Display, tables
// and inspection read it; it needs no Module type to be known to the program, so a checkpoint is enough.
//
//   const TreeNode tree = tree_of(graphdef, state);
#pragma once

#include <map>

#include "nnx/graphdef.h"
#include "nnx/state.h"

namespace nnx {

struct Amount {
  int64_t elements = 0;
  size_t bytes = 0;
  void add(const Amount& other) {
    elements += other.elements;
    bytes += other.bytes;
  }
  std::string to_string() const;  // "401,920 (1.6 MB)"
};
using Amounts = std::map<std::string, Amount>;  // by kind; all RNG kinds are "RngState", and a key is one element

struct TreeNode {
  enum class Form { module, container, variable, array, fixed, none, shared };
  Form form = Form::none;
  Path path = {};                   // of a shared one: where it stands
  Path first_path = {};             // of a shared one: where it was shown
  std::string type = {};            // of a module, container or variable
  StaticValue value = {};           // of a static attribute or Number
  const StateLeaf* leaf = nullptr;  // of a variable or array, when the State has it; lives as long as the State
  Amounts amounts = {};             // of everything below, each Variable once, where it was first met
  std::vector<TreeNode> children = {};
};

// The root's path is empty. `state` may lack values.
TreeNode tree_of(const GraphDef& graphdef, const State& state);
// A State alone: steps of its paths become containers without a type.
TreeNode tree_of(const State& state);

}  // namespace nnx
