#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>

#include "ops/attrs.h"
#include "ops/contract.h"
#include "ops/elementwise.h"
#include "ops/shape.h"
#include "plan/passes.h"
#include "plan/rebuild.h"
#include "reference/reference.h"

namespace nnx::plan {
namespace {

double read_scalar(DType dtype, const void* data) {
  switch (dtype) {
    case DType::f32: return static_cast<double>(*static_cast<const float*>(data));
    case DType::f64: return *static_cast<const double*>(data);
    case DType::i32: return *static_cast<const int32_t*>(data);
    case DType::u32: return *static_cast<const uint32_t*>(data);
    case DType::boolean: return *static_cast<const bool*>(data) ? 1 : 0;
    case DType::bf16: return double{float{*static_cast<const bf16*>(data)}};
  }
  return 0;
}

void write_scalar(DType dtype, double value, void* data) {
  switch (dtype) {
    case DType::f32: *static_cast<float*>(data) = static_cast<float>(value); break;
    case DType::f64: *static_cast<double*>(data) = value; break;
    case DType::i32: *static_cast<int32_t*>(data) = static_cast<int32_t>(value); break;
    case DType::u32: *static_cast<uint32_t*>(data) = static_cast<uint32_t>(value); break;
    case DType::boolean: *static_cast<bool*>(data) = value != 0; break;
    case DType::bf16: *static_cast<bf16*>(data) = bf16(static_cast<float>(value)); break;
  }
}

// Ops whose result every correct kernel gives to the last bit, so that folding one changes nothing.
bool folds_exactly(std::string_view op) {
  constexpr std::string_view exact[] = {"add",         "sub",
                                        "mul",         "div",
                                        "maximum",     "minimum",
                                        "negative",    "abs",
                                        "sqrt",        "floor",
                                        "ceil",        "round",
                                        "cast",        "select",
                                        "equal",       "not_equal",
                                        "less",        "less_equal",
                                        "greater",     "greater_equal",
                                        "bitwise_and", "bitwise_or",
                                        "bitwise_xor", "bitwise_not",
                                        "shift_left",  "shift_right_logical",
                                        "is_finite"};
  return std::ranges::find(exact, op) != std::end(exact);
}

// 1/value when multiplying by it gives the same bits as dividing by value: a power of two.
std::optional<double> exact_reciprocal(double value) {
  int exponent = 0;
  const double mantissa = std::frexp(std::abs(value), &exponent);
  if (mantissa != 0.5 || std::abs(exponent) > 120) return std::nullopt;
  return 1 / value;
}

class Simplifier {
 public:
  explicit Simplifier(const Graph& graph) : uses_(graph.nodes.size(), 0) {
    for (const Node& node : graph.nodes)
      for (const Value v : node.inputs) ++uses_[v.node];
    for (const Value v : graph.outputs) ++uses_[v.node];
    for (const Guard& g : graph.guards) ++uses_[g.value.node];
  }

  Arrays rewrite(const Node& node, std::span<const Array> in) {
    if (node.types.size() == 1) {
      if (node.op->name == "fill") return {fill(node.types[0], node.attrs.as<FillAttrs>().value)};
      if (const auto value = folded(node, in)) return {fill(node.types[0], *value)};
      if (const Array same = identity(node, in); same.defined()) return {same};
      if (const Array product = transposed_product(node, in); product.defined()) return {product};
      if (node.op->name == "div" && is_floating(node.types[0].dtype))
        if (const auto divisor = splat(in[1]))
          if (const auto factor = exact_reciprocal(*divisor)) return {mul(in[0], fill(in[1].type(), *factor))};
    }
    const Arrays results = emit(*node.op, node.attrs, in);
    if (node.op->name == "dot_general")
      products_[results[0].value()] = {node.attrs.as<DotAttrs>(), {in.begin(), in.end()}};
    return results;
  }

 private:
  Array fill(const Type& type, double value) {
    const Array result = full(type.shape, value, type.dtype);
    fills_[result.value()] = value;
    return result;
  }

  // The value of an Array all of whose elements are known to be it.
  std::optional<double> splat(const Array& array) const {
    if (array.concrete())
      return array.size() == 1 ? std::optional(read_scalar(array.dtype(), array.buffer()->data())) : std::nullopt;
    const auto it = fills_.find(array.value());
    return it != fills_.end() ? std::optional(it->second) : std::nullopt;
  }

  std::optional<double> folded(const Node& node, std::span<const Array> in) const {
    if (in.empty()) return std::nullopt;
    std::vector<double> values;
    for (const Array& a : in) {
      const auto value = splat(a);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    if (is_view_op(*node.op)) return values[0];
    if (!folds_exactly(node.op->name)) return std::nullopt;
    std::vector<std::array<std::byte, 8>> cells(in.size());
    std::vector<const void*> pointers;
    std::vector<Type> types;
    for (size_t i = 0; i < in.size(); ++i) {
      write_scalar(in[i].dtype(), values[i], cells[i].data());
      pointers.push_back(cells[i].data());
      types.push_back({in[i].dtype(), {}});
    }
    alignas(8) std::array<std::byte, 8> result{};
    void* const out = result.data();
    const Type out_type{node.types[0].dtype, {}};
    reference::run(*node.op, node.attrs, types, pointers, {&out_type, 1}, {&out, 1});
    return read_scalar(out_type.dtype, out);
  }

  // The operand that the node merely repeats; undefined when it computes.
  Array identity(const Node& node, std::span<const Array> in) const {
    const std::string_view op = node.op->name;
    const bool same_type = !in.empty() && in[0].type() == node.types[0];
    const auto is_splat = [&](size_t i, double value) {
      const auto known = splat(in[i]);
      return known && std::bit_cast<uint64_t>(*known) == std::bit_cast<uint64_t>(value);
    };
    if (op == "stop_gradient") return in[0];
    if (op == "select") {
      if (const auto condition = splat(in[0])) return in[*condition != 0 ? 1 : 2];
      return {};
    }
    if (!same_type) return {};
    if (op == "cast" || op == "bitcast" || op == "reshape" || op == "broadcast_in_dim" || op == "slice") return in[0];
    if (node.op->family == Family::reduce && op.starts_with("reduce_")) return in[0];  // over no axes
    if (op == "transpose" && std::ranges::is_sorted(node.attrs.as<TransposeAttrs>().permutation)) return in[0];
    // x + 0 is not x: it turns -0 into 0. x - 0, x * 1 and x / 1 are.
    if (op == "mul" && is_splat(1, 1)) return in[0];
    if (op == "mul" && is_splat(0, 1)) return in[1];
    if (op == "div" && is_splat(1, 1)) return in[0];
    if (op == "sub" && is_splat(1, 0)) return in[0];
    if (op == "add" && is_integer(node.types[0].dtype) && is_splat(1, 0)) return in[0];
    return {};
  }

  // transpose(a b) = b^T a^T: the product is written as it is wanted, when nobody wants it the other way.
  Array transposed_product(const Node& node, std::span<const Array> in) const {
    if (node.op->name != "transpose" || in[0].concrete() || uses_[node.inputs[0].node] != 1) return {};
    const auto it = products_.find(in[0].value());
    if (it == products_.end()) return {};
    const auto& [dims, operands] = it->second;
    const auto batch = dims.lhs_batch.size();
    const size_t rows = static_cast<size_t>(operands[0].rank()) - batch - dims.lhs_contract.size();
    std::vector<int> swapped(static_cast<size_t>(in[0].rank()));
    std::iota(swapped.begin(), swapped.end(), 0);
    std::rotate(swapped.begin() + static_cast<int64_t>(batch), swapped.begin() + static_cast<int64_t>(batch + rows),
                swapped.end());
    if (node.attrs.as<TransposeAttrs>().permutation != swapped) return {};
    return dot_general(operands[1], operands[0],
                       {dims.rhs_contract, dims.lhs_contract, dims.rhs_batch, dims.lhs_batch});
  }

  std::vector<int> uses_;
  std::map<Value, double> fills_;
  std::map<Value, std::pair<DotAttrs, Arrays>> products_;
};

}  // namespace

Graph simplify(const Graph& graph) {
  Simplifier simplifier(graph);
  return linearize(
      rebuild(graph, [&](const Node& node, std::span<const Array> in) { return simplifier.rewrite(node, in); }));
}

}  // namespace nnx::plan
