#include "nnx/traced_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/substitution.h"

namespace nnx::detail {
namespace {

int current_level() { return Trace::current() ? Trace::current()->level() : 0; }

// A path below the arguments or the result of `both`, without the step that says which.
Path inner(const Path& path) { return {path.begin() + 1, path.end()}; }
bool in_result(const Path& path) { return path.front().name == "result"; }

// Notes the Arrays of the result and the cells that were not there before.
void note_outputs(const Arguments& arguments, const Leaves& all, TracedCall& traced) {
  for (size_t i = 0; i < all.arrays.size(); ++i) {
    if (!in_result(all.array_paths[i])) continue;
    traced.results.push_back(all.arrays[i]);
    traced.result_paths.push_back(inner(all.array_paths[i]));
  }
  for (size_t i = 0; i < all.cells.size(); ++i)
    if (std::ranges::find(arguments.leaves.cells, all.cells[i]) == arguments.leaves.cells.end())
      traced.new_cells.push_back({all.cells[i]->shared_from_this(), inner(all.cell_paths[i]), in_result(all.cell_paths[i])});
}

// Setting a Variable checks that it belongs to this trace: before anything is written.
void expect_mutable(const Arguments& arguments, const std::vector<Output>& outputs) {
  for (const Output& o : outputs)
    if (o.form == Output::Form::cell && o.changed) {
      const auto& cell = arguments.cells[o.index];
      Variable(cell).set(cell->value);
    }
}

}  // namespace

Arguments::Arguments(const LiftedCall& call) : signature(Signature::record(call.arguments, leaves)) {
  for (Cell* cell : leaves.cells) {
    cells.push_back(cell->shared_from_this());
    values.push_back(Variable(cells.back()).get());
  }
  for (Array* array : leaves.arrays) values.push_back(*array);
  for (Number* number : leaves.numbers) {
    values.push_back(number->array());
    numbers.push_back(number->value());
  }
  for (ModuleBase* module : leaves.modules) modules.push_back(module->weak_from_this().lock());
}

std::vector<Type> Arguments::types() const {
  std::vector<Type> types;
  for (const Array& value : values) types.push_back(value.type());
  return types;
}

std::string Arguments::leaf_text(size_t leaf) const {
  if (leaf < leaves.cells.size()) return argument_text(leaves.cell_paths[leaf]);
  leaf -= leaves.cells.size();
  if (leaf < leaves.arrays.size()) return argument_text(leaves.array_paths[leaf]);
  return argument_text(leaves.number_paths[leaf - leaves.arrays.size()]);
}

Arrays captured_values(const std::vector<Capture>& captures) {
  Arrays values;
  for (const Capture& capture : captures)
    values.push_back(capture.live ? Variable(std::static_pointer_cast<Cell>(capture.live)).get() : capture.array);
  return values;
}

Arrays Arguments::with_captures(const std::vector<Capture>& captures) const {
  Arrays inputs = values;
  std::ranges::copy(captured_values(captures), std::back_inserter(inputs));
  return inputs;
}

void ArgumentStructure::restore() const {
  rebuild(flat_.def, roots_, {.module = [&](int node) { return flat_.modules[static_cast<size_t>(node)]; },
                              .variable = [&](int node) { return flat_.variables[static_cast<size_t>(node)]; },
                              .array = {}});
}

TracedCall trace_call(const Arguments& arguments, const LiftedCall& call, std::span<const Type> types) {
  const Leaves& leaves = arguments.leaves;
  TracedCall traced;
  Arrays outputs;
  const auto add = [&](Output output, const Array& value) {
    traced.outputs.push_back(output);
    outputs.push_back(value);
  };
  {
    TraceScope scope;
    Substitution substitution(leaves, scope, types);
    call.invoke();
    const Roots result = result_roots(call.result);
    Leaves all;
    Signature::record(both(call.arguments, result), all);
    note_outputs(arguments, all, traced);
    traced.after = Signature::record(call.arguments, traced.after_leaves);
    traced.result = Signature::record(result, traced.result_leaves);
    for (size_t i = 0; i < traced.results.size(); ++i) add({Output::Form::result, i}, *traced.results[i]);
    for (size_t i = 0; i < leaves.cells.size(); ++i)
      add({Output::Form::cell, i, substitution.changed_cell(i)}, leaves.cells[i]->value);
    for (size_t i = 0; i < leaves.arrays.size(); ++i)
      add({Output::Form::array, i, substitution.changed_array(i)}, *leaves.arrays[i]);
    for (size_t i = 0; i < traced.new_cells.size(); ++i) add({Output::Form::new_cell, i}, traced.new_cells[i].cell->value);
    Traced finished = scope.finish(outputs);
    traced.graph = std::move(finished.graph);
    traced.captures = std::move(finished.captures);
  }
  expect_mutable(arguments, traced.outputs);
  return traced;
}

std::vector<Difference> structure_changes(const Arguments& before, const TracedCall& traced) {
  std::vector<Difference> changes = before.signature.differences(traced.after, false);
  if (!changes.empty()) return changes;
  // The same attributes: what may differ is who stands there, and the values of Numbers.
  const Leaves &was = before.leaves, &is = traced.after_leaves;
  for (size_t i = 0; i < was.cells.size(); ++i)
    if (was.cells[i] != is.cells[i]) changes.push_back({was.cell_paths[i], "one Variable", "another"});
  for (size_t i = 0; i < was.modules.size(); ++i)
    if (was.modules[i] != is.modules[i]) changes.push_back({was.module_paths[i], "one Module", "another"});
  for (size_t i = 0; i < was.numbers.size(); ++i)
    if (before.numbers[i] != is.numbers[i]->value())
      changes.push_back({was.number_paths[i], fmt::format("{}", before.numbers[i]), fmt::format("{}", is.numbers[i]->value())});
  return changes;
}

std::vector<size_t> outputs_to_deliver(const TracedCall& traced) {
  std::vector<size_t> chosen;
  for (size_t o = 0; o < traced.outputs.size(); ++o)
    if (traced.outputs[o].changed) chosen.push_back(o);
  return chosen;
}

Graph with_outputs(const Graph& graph, std::span<const size_t> chosen) {
  Graph selected = graph;
  selected.outputs.clear();
  for (const size_t o : chosen) selected.outputs.push_back(graph.outputs[o]);
  return without_dead_nodes(selected);
}

void deliver(const Arguments& arguments, const TracedCall& traced, const Output& output, const Array& value) {
  switch (output.form) {
    case Output::Form::result: *traced.results[output.index] = value; break;
    case Output::Form::cell: Variable(arguments.cells[output.index]).set(value); break;
    case Output::Form::array: *arguments.leaves.arrays[output.index] = value; break;
    case Output::Form::new_cell: {
      Cell& cell = *traced.new_cells[output.index].cell;
      cell.value = value;
      cell.level = current_level();
      break;
    }
  }
}

}  // namespace nnx::detail
