// What the lifted transforms share: a function traced once, on the very objects it is given, and the way of its outputs
// back to where they belong.
//
//   const Arguments arguments(call);
//   const TracedCall traced = trace_call(arguments, call, arguments.types());
//   const std::vector<size_t> chosen = outputs_to_deliver(traced);
//   const Arrays values = apply(with_outputs(traced.graph, chosen), arguments.with_captures(traced.captures));
//   for (size_t k = 0; k < chosen.size(); ++k) deliver(arguments, traced, traced.outputs[chosen[k]], values[k]);
//
// The inputs of the Graph are the leaves of the arguments (cells, Arrays, Numbers), then what was captured. Its outputs are
// listed in `outputs`: all of them, changed or not; a transform selects those it needs.
#pragma once

#include "graph/trace.h"
#include "nnx/lifted_core.h"
#include "nnx/signature.h"
#include "nnx/walk.h"

namespace nnx::detail {

// What a lifted call starts from. Keeps the leaves alive that the function may drop.
struct Arguments {
  explicit Arguments(const LiftedCall& call);
  std::vector<Type> types() const;                            // of cells, Arrays and Numbers
  std::string leaf_text(size_t leaf) const;                   // for messages
  size_t size() const { return values.size(); }
  Arrays with_captures(const std::vector<Capture>& captures) const;   // the inputs of a traced Graph

  Leaves leaves;
  Signature signature;
  Arrays values;                                              // of cells, Arrays and Numbers, as seen from outside
  std::vector<double> numbers;
  std::vector<std::shared_ptr<Cell>> cells;
  std::vector<std::shared_ptr<ModuleBase>> modules;           // null for what stands on the stack
};

// Where an output of the traced Graph belongs. `index` is into the result's Arrays, the arguments' cells or Arrays, or the
// new cells.
struct Output {
  enum class Form : uint8_t { result, cell, array, new_cell } form;
  size_t index;
  bool changed = true;                                        // of cells and Arrays of the arguments
};

// The objects that arguments consist of. What a function made of them is undone at the end of the scope unless kept.
class ArgumentStructure {
 public:
  explicit ArgumentStructure(Roots arguments) : roots_(std::move(arguments)), flat_(flatten(roots_)) {}
  ~ArgumentStructure() { if (!kept_) restore(); }
  ArgumentStructure(const ArgumentStructure&) = delete;
  ArgumentStructure& operator=(const ArgumentStructure&) = delete;
  void restore() const;
  void keep() { kept_ = true; }

 private:
  Roots roots_;
  Flattened flat_;
  bool kept_ = false;
};

struct NewCell {
  std::shared_ptr<Cell> cell;
  Path path;
  bool in_result;                                             // made for the result; otherwise put into an argument
};

struct TracedCall {
  Graph graph;                                                // outputs as listed below
  std::vector<Capture> captures;
  std::vector<Output> outputs;
  std::vector<Array*> results;                                // Arrays of the result
  std::vector<Path> result_paths;
  std::vector<NewCell> new_cells;
  Signature after;                                            // of the arguments, types included
  Leaves after_leaves;
  Signature result;                                           // of the result
  Leaves result_leaves;
};

// Runs the function with inputs of `types` (cells, Arrays, Numbers) for what the arguments hold, then puts the values back.
// Throws ErrorKind::structure naming a Variable that was changed and belongs to an outer trace.
TracedCall trace_call(const Arguments& arguments, const LiftedCall& call, std::span<const Type> types);

// What the function did to the structure of its arguments, by paths below them: attributes that changed, objects that
// were replaced, Numbers. Empty when it only changed values.
std::vector<Difference> structure_changes(const Arguments& before, const TracedCall& traced);

// The values of captures, read now.
Arrays captured_values(const std::vector<Capture>& captures);

// The outputs that the function gave or changed.
std::vector<size_t> outputs_to_deliver(const TracedCall& traced);

// The Graph with some of its outputs, by number.
Graph with_outputs(const Graph& graph, std::span<const size_t> chosen);

// Puts the value of one output where it belongs.
void deliver(const Arguments& arguments, const TracedCall& traced, const Output& output, const Array& value);

}  // namespace nnx::detail
