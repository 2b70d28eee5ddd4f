// bf16-mixed precision. The Graph is that of f32 training: parameters, statistics, losses, gradients and the optimizer
// are f32, and differentiation never sees bf16. Here, last of all, the operands of large products are rounded to bf16.
// The product of two bf16 numbers is exact in f32, and sums are f32: what is lost is the rounding of the operands.
#include <algorithm>
#include <map>

#include "ops/attrs.h"
#include "ops/elementwise.h"
#include "plan/kernel_choice.h"
#include "plan/passes.h"
#include "plan/rebuild.h"

namespace nnx::plan {
namespace {

// Below, what bf16 saves is lost in casting the operands: an element of the one is used once for each row or column of
// the other.
constexpr double least_flops = 1 << 20;
constexpr int64_t least_size = 8;

bool is_large(const Graph& graph, const Node& node) {
  if (!is_matmul(graph, node) || graph.type(node.inputs[0]).dtype != DType::f32) return false;
  const auto& dims = node.attrs.as<DotAttrs>();
  const Shape& lhs = graph.type(node.inputs[0]).shape;
  const auto size = [&](const std::vector<int>& of) {
    int64_t n = 1;
    for (const int d : of) n *= lhs[d];
    return n;
  };
  const int64_t batch = size(dims.lhs_batch), k = size(dims.lhs_contract), m = lhs.size() / (batch * k);
  const int64_t n = node.types[0].size() / (batch * m);
  return std::min({m, n, k}) >= least_size &&
         2.0 * static_cast<double>(batch * m) * static_cast<double>(n * k) >= least_flops;
}

class Narrower {
 public:
  Arrays rewrite(const Graph& graph, const Node& node, std::span<const Array> in) {
    if (is_large(graph, node)) return emit(*node.op, node.attrs, Arrays{narrowed(in[0]), narrowed(in[1])});
    Arrays results = emit(*node.op, node.attrs, in);
    if (is_view_op(*node.op) && in[0].size() <= results[0].size()) views_[results[0].value()] = {&node, in[0]};
    return results;
  }

 private:
  // A view is taken of the cast: so one cast serves a value and its transpose, and a row is cast before it is repeated.
  Array narrowed(const Array& x) const {
    const auto it = x.concrete() ? views_.end() : views_.find(x.value());
    if (it == views_.end()) return cast(x, DType::bf16);
    const auto& [node, operand] = it->second;
    return emit1(*node->op, node->attrs, {narrowed(operand)});
  }

  std::map<Value, std::pair<const Node*, Array>> views_;  // by result
};

}  // namespace

Graph narrow_products(const Graph& graph) {
  Narrower narrower;
  return linearize(
      rebuild(graph, [&](const Node& node, std::span<const Array> in) { return narrower.rewrite(graph, node, in); }));
}

}  // namespace nnx::plan
