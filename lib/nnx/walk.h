// Walking an object graph: flatten gives numbered nodes, rebuild makes or changes objects to fit a GraphDef. split, merge,
// clone and the lifted transforms are made of these two.
#pragma once

#include <functional>

#include "nnx/graphdef.h"
#include "nnx/number.h"

namespace nnx {

// Visits the roots of a walk: the attributes of one Module, or arguments and results of a lifted function.
using Roots = std::function<void(FieldVisitor&)>;

// An object graph as a list. `def` has one node more than a Module's own GraphDef when the roots are a list of values:
// node 0 then stands for the list.
struct Flattened {
  GraphDef def;
  std::vector<std::shared_ptr<ModuleBase>> modules;   // by node; null for other nodes
  std::vector<Variable> variables;                    // by node; empty for other nodes
  std::vector<Path> paths;                            // by node: the first path
  std::vector<const ModuleType*> holders;             // by node: of a Module its type, of others that of their Module
  std::vector<std::pair<Path, int>> aliases;          // later paths of shared nodes
  std::vector<std::pair<Path, Array*>> arrays;        // bare Arrays
  std::vector<std::pair<Path, Variable*>> empty;      // attributes that are Variables and hold none
  std::vector<Number*> numbers;
};

Flattened flatten(ModuleBase& module);
Flattened flatten(const Roots& roots);

// Where rebuild finds objects and values by node of its GraphDef. An object that is given is used; otherwise a new one is
// made. Variables of new nodes take `value(node)`.
struct RebuildSource {
  std::function<std::shared_ptr<ModuleBase>(int node)> module;
  std::function<Variable(int node)> variable;
  std::function<Array(int array)> array;              // bare Arrays, in flatten order
};

// Makes the roots look like `def`: containers get their sizes, attributes their objects and static values.
void rebuild(const GraphDef& def, const Roots& roots, const RebuildSource& source);
std::shared_ptr<ModuleBase> rebuild_module(const GraphDef& def, const RebuildSource& source);

// Throws ErrorKind::structure for a value of a trace that has ended: the `kind` of what holds it, and its path.
void expect_alive(const Array& value, std::string_view kind, const std::string& path);

// Marks for walks that must know what they have seen without building a table: objects whose visit_epoch equals the
// returned number have been seen. Walks of one object graph must not run on two threads at once.
uint64_t next_visit_epoch();

}  // namespace nnx
