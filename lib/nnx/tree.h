// The tree that people see of an object graph, of a Graph and of a Plan: what text, pages and tables are made of. Of an
// object graph it has the attributes in flatten order with what is known of each; no Module type needs to be known to
// the program, so a checkpoint is enough.
//
//   const TreeNode tree = tree_of(graphdef, state);
//   for (const TreeNode& step : tree_of(*train_step.plan()).children) ...
#pragma once

#include <map>

#include "nnx/graphdef.h"
#include "nnx/state.h"
#include "plan/plan.h"

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
  enum class Form { module, container, variable, array, fixed, none, shared, program, operation };
  Form form = Form::none;
  Path path = {};              // of a shared one: where it stands
  Path first_path = {};        // of a shared one: where it was shown
  std::string type = {};       // of a module, container or variable; Graph or Plan; the name of an op or kernel
  std::string detail = {};     // of a program or operation: what there is to say; %3 names the operation 3
  StaticValue value = {};      // of a static attribute or Number
  Array array = {};            // of a variable, array or constant, when it is known
  std::string tag = {};        // of a variable of random state: its stream
  Amounts amounts = {};        // of everything below, each Variable once, where it was first met
  std::vector<TreeNode> children = {};
};

// The root's path is empty. `state` may lack values.
TreeNode tree_of(const GraphDef& graphdef, const State& state);
// A State alone: steps of its paths become containers without a type.
TreeNode tree_of(const State& state);
TreeNode tree_of(ModuleBase& module);
// One operation a node of the Graph or a step of the Plan.
TreeNode tree_of(const Graph& graph);
TreeNode tree_of(const Plan& plan);

// What is said of a node after its name: "Param", and "f32[784,512] 1.6 MB  tag dropout", or how much is below it.
std::string name_text(const TreeNode& node);
std::string detail_text(const TreeNode& node);

}  // namespace nnx
