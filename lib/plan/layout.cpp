#include <algorithm>
#include <map>

#include "ops/all.h"
#include "ops/attrs.h"
#include "ops/shape.h"
#include "plan/kernel_choice.h"
#include "plan/passes.h"
#include "plan/rebuild.h"

namespace nnx::plan {
namespace {

// A concrete Array of one value.
Array filled(const Type& type, double value) {
  const BufferRef buffer = Buffer::allocate(type.bytes());
  const auto fill = [&](auto zero) {
    std::fill_n(buffer->as<decltype(zero)>(), type.size(), static_cast<decltype(zero)>(value));
  };
  switch (type.dtype) {
    case DType::f32: fill(0.0f); break;
    case DType::f64: fill(0.0); break;
    case DType::i32: fill(int32_t{0}); break;
    case DType::u32: fill(uint32_t{0}); break;
    case DType::boolean: std::fill_n(buffer->as<bool>(), type.size(), value != 0); break;
    case DType::bf16: std::fill_n(buffer->as<bf16>(), type.size(), bf16(static_cast<float>(value))); break;
  }
  return Array(type, buffer);
}

// Views of the Graph being recorded, kept beside it.
class Recorder {
 public:
  View view(const Array& array) const {
    const auto it = views_.find(array.value());
    return it != views_.end() ? it->second : View{array.value(), 0, row_major(array.shape())};
  }
  void set(const Array& array, View view) { views_[array.value()] = std::move(view); }

  static Array copied(const Array& array) { return emit1(copy_op, CopyAttrs{}, {array}); }
  // What a kernel that walks rows only reads. Constants that loops would make as they go are made once, here.
  Array contiguous(const Array& array) const {
    if (const auto it = fills_.find(array.value());
        it != fills_.end() && !array.concrete() && array.type().bytes() <= constant_limit)
      return filled(array.type(), it->second);
    return is_contiguous(view(array), array.shape()) ? array : copied(array);
  }
  void set_fill(const Array& array, double value) { fills_[array.value()] = value; }

 private:
  static constexpr size_t constant_limit = 1 << 16;
  std::map<Value, View> views_;
  std::map<Value, double> fills_;
};

Arrays lay_out_view(Recorder& recorder, const Node& node, const Array& operand) {
  std::optional<View> view = view_of(node, recorder.view(operand), operand.shape());
  const Array source = view ? operand : Recorder::copied(operand);
  const Array result = emit1(*node.op, node.attrs, {source});
  recorder.set(result, view ? *view : *view_of(node, recorder.view(source), source.shape()));
  return {result};
}

Node transpose_node(const Array& result, const std::vector<int>& permutation) {
  return {.op = find_op("transpose"), .attrs = TransposeAttrs{permutation}, .types = {result.type()}};
}

// The operand with its dimensions in the order (batch, a, b), contiguous; the dims lists are renumbered to match.
Array arranged(Recorder& recorder, const Array& operand, std::vector<int>& batch, std::vector<int> a,
               std::vector<int> b, std::vector<int>& contract) {
  std::vector<int> permutation = batch;
  permutation.insert(permutation.end(), a.begin(), a.end());
  permutation.insert(permutation.end(), b.begin(), b.end());
  const auto place_of = [&](int& dim) {
    dim = static_cast<int>(std::ranges::find(permutation, dim) - permutation.begin());
  };
  std::ranges::for_each(batch, place_of);
  std::ranges::for_each(contract, place_of);
  const Array transposed = transpose(operand, permutation);
  if (transposed.value() == operand.value()) return recorder.contiguous(operand);
  recorder.set(transposed, *view_of(transpose_node(transposed, permutation), recorder.view(operand), operand.shape()));
  return recorder.contiguous(transposed);
}

Arrays lay_out_matmul(Recorder& recorder, const Node& node, Array lhs, Array rhs) {
  DotAttrs dims = node.attrs.as<DotAttrs>();
  if (!matmul_lhs(dims, lhs.shape(), recorder.view(lhs))) {
    const std::vector<int> contract = dims.lhs_contract;
    lhs = arranged(recorder, lhs, dims.lhs_batch, free_dims(lhs.rank(), dims.lhs_batch, contract), contract,
                   dims.lhs_contract);
  }
  if (!matmul_rhs(dims, rhs.shape(), recorder.view(rhs))) {
    const std::vector<int> contract = dims.rhs_contract;
    rhs = arranged(recorder, rhs, dims.rhs_batch, contract, free_dims(rhs.rank(), dims.rhs_batch, contract),
                   dims.rhs_contract);
  }
  return emit(*node.op, dims, Arrays{lhs, rhs});
}

}  // namespace

Graph layout(const Graph& graph) {
  Recorder recorder;
  const auto rewrite = [&](const Node& node, std::span<const Array> in) -> Arrays {
    if (is_view_op(*node.op)) return lay_out_view(recorder, node, in[0]);
    if (is_matmul(graph, node)) return lay_out_matmul(recorder, node, in[0], in[1]);
    const bool walks_views = is_instruction(*node.op, input_types(graph, node), node.types) ||
                             is_reduction(*node.op, input_types(graph, node)) || node.op == &copy_op;
    if (node.op->name == "fill") {
      const Arrays result = emit(*node.op, node.attrs, in);
      recorder.set_fill(result[0], node.attrs.as<FillAttrs>().value);
      return result;
    }
    if (walks_views && node.op->name != "random_bits") return emit(*node.op, node.attrs, in);
    Arrays operands;
    for (const Array& a : in) operands.push_back(recorder.contiguous(a));
    return emit(*node.op, node.attrs, operands);
  };
  return linearize(rebuild(graph, rewrite));
}

}  // namespace nnx::plan
