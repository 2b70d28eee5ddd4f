#include <fmt/format.h>

#include <algorithm>

#include "nnx/selective_visitor.h"
#include "nnx/traced_call.h"
#include "ops/elementwise.h"
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

// Leaves of the `wrt` arguments that their filters cover. Every Variable counts once for an argument, for its first path.
std::vector<Differentiated> choose(std::span<const Roots> wrt, std::span<const Filter> filters, const Leaves& leaves) {
  std::vector<Differentiated> chosen;
  for (size_t a = 0; a < wrt.size(); ++a) {
    const Filter& filter = filters.size() == 1 ? filters[0] : filters[a];
    const Flattened flat = flatten(wrt[a]);
    for (size_t n = 0; n < flat.variables.size(); ++n) {
      const Variable& v = flat.variables[n];
      if (!v || !is_floating(v.type().dtype) ||
          !filter.matches({flat.paths[n], v.kind(), v.tag(), &v.metadata(), flat.holders[n], &v.cell()->value}))
        continue;
      const auto cell = std::ranges::find(leaves.cells, v.cell().get());
      chosen.push_back({a, static_cast<int>(cell - leaves.cells.begin()), flat.paths[n], {{}, &v.kind(), v.metadata(), v.tag(), flat.holders[n]}});
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

class GradientStopper final : public SelectiveVisitor {
 public:
  void array(FieldName, Array& a) override { a = stop_gradient(a); }
};

}  // namespace

void stop_gradients(const Roots& roots) {
  GradientStopper stopper;
  roots(stopper);
}

std::vector<GradLeaves> run_value_and_grad(const LiftedCall& call, std::span<const Roots> wrt, std::span<const Filter> filters) {
  const Arguments arguments(call);
  const std::vector<Differentiated> differentiated = choose(wrt, filters, arguments.leaves);
  const TracedCall traced = trace_call(arguments, call, arguments.types());
  const Array* loss = traced.results.empty() ? nullptr : traced.results.front();
  if (!loss || loss->rank() != 0 || !is_floating(loss->dtype()))
    fail(ErrorKind::shape, {.where = "grad", .expected = "a function whose (first) result is a float scalar",
                            .got = loss ? loss->type().to_string() : "no Array",
                            .hint = "take a mean or a sum"});

  const std::vector<size_t> chosen = outputs_to_deliver(traced);
  std::vector<int> inputs;
  for (const Differentiated& d : differentiated) inputs.push_back(d.input);
  const Arrays values = nnx::apply(value_and_grad(with_outputs(traced.graph, chosen), inputs),
                                   arguments.with_captures(traced.captures));
  size_t next = 0;
  for (const size_t o : chosen) deliver(arguments, traced, traced.outputs[o], values[next++]);
  std::vector<GradLeaves> grads(wrt.size());
  for (const Differentiated& d : differentiated) {
    StateLeaf leaf = d.leaf;
    leaf.value = values[next++];
    grads[d.argument].insert(d.path, std::move(leaf));
  }
  return grads;
}

}  // namespace nnx::detail
