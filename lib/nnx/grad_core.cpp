#include <fmt/format.h>

#include <algorithm>

#include "nnx/substitution.h"
#include "transform/vjp.h"

namespace nnx::detail {
namespace {

// One differentiated leaf: which input of the traced Graph, and where its gradient goes.
struct Differentiated {
  size_t argument;
  int input;
  Path path;
  StateLeaf leaf;   // without value
};

// Leaves of the `wrt` arguments that the filter covers. Every Variable counts once, for its first path.
std::vector<Differentiated> choose(std::span<const Roots> wrt, const Filter& filter, const Leaves& leaves) {
  std::vector<Differentiated> chosen;
  for (size_t a = 0; a < wrt.size(); ++a) {
    const Flattened flat = flatten(wrt[a]);
    for (size_t n = 0; n < flat.variables.size(); ++n) {
      const Variable& v = flat.variables[n];
      if (!v || !is_floating(v.type().dtype) || !filter.matches({flat.paths[n], v.kind(), v.tag()})) continue;
      const auto cell = std::ranges::find(leaves.cells, v.cell().get());
      chosen.push_back({a, static_cast<int>(cell - leaves.cells.begin()), flat.paths[n], {{}, &v.kind(), v.metadata(), v.tag()}});
    }
    const bool is_module = flat.def.nodes.size() > 0 && flat.def.nodes[0].form == NodeDef::Form::module;
    if (is_module) continue;
    for (const auto& [path, array] : flat.arrays) {
      if (!is_floating(array->dtype())) continue;
      const auto at = std::ranges::find(leaves.arrays, array);
      // A State is a map whose keys are whole paths.
      const Path where = path.size() == 1 ? parse_path(path[0].to_string()) : path;
      chosen.push_back({a, static_cast<int>(leaves.cells.size() + static_cast<size_t>(at - leaves.arrays.begin())), where,
                        {{}, &Variable::base_kind()}});
    }
  }
  return chosen;
}

}  // namespace

std::vector<GradLeaves> run_value_and_grad(const LiftedCall& call, std::span<const Roots> wrt, const Filter& filter) {
  Leaves leaves;
  Signature::record(call.arguments, leaves);
  const std::vector<Differentiated> chosen = choose(wrt, filter, leaves);

  // Outer values, read before the trace opens: a Variable only captured by an outer jit becomes a live input there.
  Arrays outer;
  for (Cell* cell : leaves.cells) outer.push_back(Variable(cell->shared_from_this()).get());
  for (Array* array : leaves.arrays) outer.push_back(*array);
  for (Number* number : leaves.numbers) outer.push_back(number->array());

  const Roots result = result_roots(call.result);
  Leaves result_leaves, after;
  std::vector<size_t> changed_cells, changed_arrays;
  std::vector<Cell*> new_cells;
  Arrays outputs;
  Traced traced;
  {
    TraceScope scope;
    Substitution substitution(leaves, scope);
    call.invoke();
    Signature::record(result, result_leaves);
    Signature::record(both(call.arguments, result), after);
    for (Array* array : result_leaves.arrays) outputs.push_back(*array);
    for (size_t i = 0; i < leaves.cells.size(); ++i)
      if (substitution.changed_cell(i)) changed_cells.push_back(i), outputs.push_back(leaves.cells[i]->value);
    for (size_t i = 0; i < leaves.arrays.size(); ++i)
      if (substitution.changed_array(i)) changed_arrays.push_back(i), outputs.push_back(*leaves.arrays[i]);
    for (Cell* cell : after.cells)
      if (std::ranges::find(leaves.cells, cell) == leaves.cells.end()) {
        new_cells.push_back(cell);
        outputs.push_back(cell->value);
      }
    if (result_leaves.arrays.empty() || outputs[0].rank() != 0 || !is_floating(outputs[0].dtype()))
      fail(ErrorKind::shape, {.where = "grad", .expected = "a function whose (first) result is a float scalar",
                              .got = result_leaves.arrays.empty() ? "no Array" : outputs[0].type().to_string(),
                              .hint = "take a mean or a sum"});
    traced = scope.finish(outputs);
  }

  for (const Capture& capture : traced.captures)
    outer.push_back(capture.live ? Variable(std::static_pointer_cast<Cell>(capture.live)).get() : capture.array);
  std::vector<int> inputs;
  for (const Differentiated& d : chosen) inputs.push_back(d.input);
  const Arrays values = nnx::apply(value_and_grad(traced.graph, inputs), outer);

  size_t next = 0;
  for (Array* array : result_leaves.arrays) *array = values[next++];
  for (const size_t i : changed_cells) Variable(leaves.cells[i]->shared_from_this()).set(values[next++]);
  for (const size_t i : changed_arrays) *leaves.arrays[i] = values[next++];
  for (Cell* cell : new_cells) {
    cell->value = values[next++];
    cell->level = Trace::current() ? Trace::current()->level() : 0;
  }
  std::vector<GradLeaves> grads(wrt.size());
  for (const Differentiated& d : chosen) {
    StateLeaf leaf = d.leaf;
    leaf.value = values[next++];
    grads[d.argument].insert(d.path, std::move(leaf));
  }
  return grads;
}

}  // namespace nnx::detail
