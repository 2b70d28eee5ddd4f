#include "plan/epilogue.h"

#include <algorithm>
#include <set>

#include "ops/attrs.h"
#include "plan/kernel_choice.h"

namespace nnx::plan {
namespace {

// The other operand of a binary node.
std::optional<Value> other_operand(const Bound& bound, const Node& node, Value mine) {
  if (node.inputs.size() != 2) return std::nullopt;
  for (size_t i = 0; i < 2; ++i)
    if (bound.views.root(node.inputs[i]) == mine && bound.views.is_whole(node.inputs[i])) return node.inputs[1 - i];
  return std::nullopt;
}

// Whether `value`, of the product's shape, is one row repeated: bias[n] with stride 1, all else broadcast.
bool is_row(const Bound& bound, Value value, int64_t n) {
  const View view = bound.views.at(bound.graph, value);
  const Shape& shape = bound.graph.type(value).shape;
  int64_t along = 1;
  for (int d = shape.rank(); d-- > 0;) {
    const int64_t stride = view.strides[static_cast<size_t>(d)];
    if (shape[d] == 1) continue;
    if (along < n && stride == along) along *= shape[d];
    else if (along != n || stride != 0) return false;
  }
  return along == n;
}

std::optional<kernels::Activation> activation_of(const Node& node) {
  if (node.op->name == "relu") return kernels::Activation::relu;
  if (node.op->name == "tanh") return kernels::Activation::tanh;
  if (node.op->name == "logistic") return kernels::Activation::logistic;
  if (node.op->name == "gelu")
    return node.attrs.as<GeluAttrs>().approximate ? kernels::Activation::gelu_tanh : kernels::Activation::gelu_erf;
  return std::nullopt;
}

// Whether the product may add `value` as it writes: an array of its own size that lies somewhere, and not where `node` is to
// be written.
bool is_residual(const Bound& bound, const std::vector<bool>& generated, uint32_t node, Value value) {
  const auto in_place = [&](const OutputBinding& o) { return o.kind == OutputKind::aliased && o.root == Value{node, 0}; };
  return bound.views.is_whole(value) && !generated[bound.views.root(value).node] &&
         std::ranges::none_of(bound.outputs, in_place);
}

int64_t columns(const Graph& graph, uint32_t dot) {
  const Node& node = graph.nodes[dot];
  const auto& dims = node.attrs.as<DotAttrs>();
  const Shape& rhs = graph.type(node.inputs[1]).shape;
  int64_t n = 1;
  for (const int d : free_dims(rhs.rank(), dims.rhs_batch, dims.rhs_contract)) n *= rhs[d];
  return n;
}

}  // namespace

std::map<Value, uint32_t> only_readers(const Bound& bound) {
  const Graph& graph = bound.graph;
  std::map<Value, uint32_t> reader;
  std::set<Value> others;  // read more than once, or from outside
  for (const OutputBinding& o : bound.outputs) others.insert(o.root);
  for (const Guard& g : graph.guards) others.insert(bound.views.root(g.value));
  for (uint32_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind != NodeKind::op || is_view_op(*node.op)) continue;
    for (const Value v : node.inputs) {
      const Value root = bound.views.root(v);
      if (!reader.emplace(root, i).second) others.insert(root);
    }
  }
  std::erase_if(reader, [&](const auto& entry) { return others.contains(entry.first); });
  return reader;
}

std::vector<uint32_t> epilogue_chain(const Bound& bound, const std::vector<bool>& generated,
                                     const std::map<Value, uint32_t>& readers, uint32_t dot) {
  const Graph& graph = bound.graph;
  std::vector<uint32_t> chain;
  Value tail{dot, 0};
  enum Stage { product, biased, activated, added } stage = product;
  const int64_t n = columns(graph, dot);
  for (auto reader = readers.find(tail); reader != readers.end(); reader = readers.find(tail)) {
    const uint32_t next = reader->second;
    const Node& node = graph.nodes[next];
    if (graph.type({next, 0}).size() != graph.type(tail).size()) break;
    const auto other = node.op->name == "add" ? other_operand(bound, node, tail) : std::nullopt;
    const bool stored = other && !generated[bound.views.root(*other).node];
    if (stage == product && stored && n > 1 && is_row(bound, *other, n)) stage = biased;
    else if (stage < activated && activation_of(node) && bound.views.is_whole(node.inputs[0])) stage = activated;
    else if (stage < added && other && is_residual(bound, generated, next, *other)) stage = added;
    else break;
    chain.push_back(next);
    tail = {next, 0};
  }
  return chain;
}

Epilogue epilogue_of(const Bound& bound, uint32_t dot, const std::vector<uint32_t>& chain) {
  Epilogue epilogue;
  Value tail{dot, 0};
  for (const uint32_t n : chain) {
    const Node& node = bound.graph.nodes[n];
    if (const auto activation = activation_of(node)) {
      epilogue.activation = *activation;
    } else {
      const std::optional<Value> other = other_operand(bound, node, tail);
      const bool first = !epilogue.bias && epilogue.activation == kernels::Activation::none;
      const int64_t n_columns = columns(bound.graph, dot);
      if (first && n_columns > 1 && is_row(bound, *other, n_columns)) epilogue.bias = other;
      else epilogue.residual = other;
    }
    tail = {n, 0};
  }
  return epilogue;
}

}  // namespace nnx::plan
