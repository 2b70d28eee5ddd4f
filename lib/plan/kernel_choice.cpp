#include "plan/kernel_choice.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/fused_loop.h"
#include "plan/copy_kernel.h"
#include "plan/passes.h"
#include "reference/reference.h"

namespace nnx::plan {
namespace {

std::vector<DType> dtypes_of(std::span<const Type> types) {
  std::vector<DType> dtypes;
  for (const Type& t : types) dtypes.push_back(t.dtype);
  return dtypes;
}

// A reference kernel as a Kernel, for ops and dtypes that have no fast one.
class ReferenceKernel : public kernels::Kernel {
 public:
  ReferenceKernel(const Node& node, std::vector<Type> in)
      : op_(*node.op), attrs_(node.attrs), in_(std::move(in)), out_(node.types) {}
  void run(void* const* args) const override {
    reference::run(op_, attrs_, in_, {const_cast<const void* const*>(args), in_.size()}, out_,
                   {args + in_.size(), out_.size()});
  }
  std::string name() const override { return "reference " + std::string(op_.name); }
  double bytes() const override {
    double total = 0;
    for (const Type& t : in_) total += static_cast<double>(t.bytes());
    for (const Type& t : out_) total += static_cast<double>(t.bytes());
    return total;
  }

 private:
  const OpDef& op_;
  Attrs attrs_;
  std::vector<Type> in_, out_;
};

struct Run {
  int64_t size = 1;
  int64_t stride = 0;  // 0 when size is 1
};

// Dimensions `dims` as one dimension, or none when they do not lie evenly.
std::optional<Run> merged(const Shape& shape, const View& view, const std::vector<int>& dims) {
  Run run;
  for (size_t i = dims.size(); i-- > 0;) {
    const int64_t size = shape[dims[i]], stride = view.strides[static_cast<size_t>(dims[i])];
    if (size == 1) continue;
    if (run.size == 1) run = {size, stride};
    else if (stride == run.stride * run.size) run.size *= size;
    else return std::nullopt;
  }
  return run;
}

std::optional<kernels::MatmulSpec::Operand> matrix(const Shape& shape, const View& view, const std::vector<int>& batch,
                                                   const std::vector<int>& rows, const std::vector<int>& cols) {
  const auto b = merged(shape, view, batch), r = merged(shape, view, rows), c = merged(shape, view, cols);
  if (!b || !r || !c || b->stride < 0) return std::nullopt;
  if (r->size == 1 && c->size == 1) return kernels::MatmulSpec::Operand{b->stride, 1, 1};
  if (r->size == 1)  // a vector: strided ones are columns of a column-major matrix
    return c->stride == 1  ? std::optional(kernels::MatmulSpec::Operand{b->stride, c->size, 1})
           : c->stride > 0 ? std::optional(kernels::MatmulSpec::Operand{b->stride, 1, c->stride})
                           : std::nullopt;
  if (c->size == 1)
    return r->stride == 1  ? std::optional(kernels::MatmulSpec::Operand{b->stride, 1, r->size})
           : r->stride > 0 ? std::optional(kernels::MatmulSpec::Operand{b->stride, r->stride, 1})
                           : std::nullopt;
  if ((c->stride == 1 && r->stride >= c->size) || (r->stride == 1 && c->stride >= r->size))
    return kernels::MatmulSpec::Operand{b->stride, r->stride, c->stride};
  return std::nullopt;
}

int64_t size_of_dims(const Shape& shape, const std::vector<int>& dims) {
  int64_t n = 1;
  for (const int d : dims) n *= shape[d];
  return n;
}

}  // namespace

std::vector<Type> input_types(const Graph& graph, const Node& node) {
  std::vector<Type> types;
  for (const Value v : node.inputs) types.push_back(graph.type(v));
  return types;
}

bool is_instruction(const OpDef& op, std::span<const Type> in, std::span<const Type> out) {
  if (out.size() != 1 || op.family == Family::reduce) return false;
  // A draw of one key; several keys at once have a kernel of their own.
  if (op.name == "random_bits" && in[0].shape.rank() != 1) return false;
  return kernels::can_fuse(op.name, dtypes_of(in), out[0].dtype);
}

bool is_reduction(const OpDef& op, std::span<const Type> in) {
  const bool logical = op.name == "reduce_and" || op.name == "reduce_or";
  const bool numeric =
      op.name == "reduce_sum" || op.name == "reduce_prod" || op.name == "reduce_max" || op.name == "reduce_min";
  if (!logical && !numeric) return false;
  return logical ? in[0].dtype == DType::boolean
                 : in[0].dtype == DType::f32 || in[0].dtype == DType::i32 || in[0].dtype == DType::u32;
}

bool has_native_kernel(const OpDef& op, const Attrs& attrs, std::span<const Type> in, std::span<const Type> out) {
  if (is_instruction(op, in, out) || is_reduction(op, in)) return true;
  if (!op.expand && reference::has_kernel(op)) return true;  // whether there is a faster one is asked later
  return kernels::make_kernel(op, attrs, in, out, 1) != nullptr;
}

bool is_matmul(const Graph& graph, const Node& node) {
  if (node.kind != NodeKind::op || node.op->name != "dot_general" || node.types[0].dtype != DType::f32) return false;
  return graph.type(node.inputs[0]).size() > 0 && graph.type(node.inputs[1]).size() > 0;
}

std::vector<int> free_dims(int rank, const std::vector<int>& batch, const std::vector<int>& contract) {
  std::vector<int> dims;
  for (int d = 0; d < rank; ++d)
    if (std::ranges::find(batch, d) == batch.end() && std::ranges::find(contract, d) == contract.end())
      dims.push_back(d);
  return dims;
}

std::optional<kernels::MatmulSpec::Operand> matmul_lhs(const DotAttrs& dims, const Shape& shape, const View& view) {
  return matrix(shape, view, dims.lhs_batch, free_dims(shape.rank(), dims.lhs_batch, dims.lhs_contract),
                dims.lhs_contract);
}

std::optional<kernels::MatmulSpec::Operand> matmul_rhs(const DotAttrs& dims, const Shape& shape, const View& view) {
  return matrix(shape, view, dims.rhs_batch, dims.rhs_contract,
                free_dims(shape.rank(), dims.rhs_batch, dims.rhs_contract));
}

kernels::MatmulSpec matmul_spec(const Graph& graph, const Node& node, const View& lhs, const View& rhs) {
  const auto& dims = node.attrs.as<DotAttrs>();
  const Shape &a = graph.type(node.inputs[0]).shape, &b = graph.type(node.inputs[1]).shape;
  const auto left = matmul_lhs(dims, a, lhs), right = matmul_rhs(dims, b, rhs);
  check(left && right, "a matmul operand reached the plan without a copy");
  kernels::MatmulSpec spec;
  spec.batch = size_of_dims(a, dims.lhs_batch);
  spec.k = size_of_dims(a, dims.lhs_contract);
  spec.m = size_of_dims(a, free_dims(a.rank(), dims.lhs_batch, dims.lhs_contract));
  spec.n = size_of_dims(b, free_dims(b.rank(), dims.rhs_batch, dims.rhs_contract));
  spec.lhs = *left;
  spec.rhs = *right;
  spec.out = {spec.m * spec.n, spec.n, 1};
  spec.operands = graph.type(node.inputs[0]).dtype;
  return spec;
}

NodeKernel make_node_kernel(const Graph& graph, const Node& node, const std::vector<View>& views, int threads) {
  const std::vector<Type> in = input_types(graph, node);
  if (node.op == &copy_op)  // of a dtype that no loop takes
    return {std::make_unique<CopyKernel>(node.types[0], views[0].strides), true};
  if (auto kernel = kernels::make_kernel(*node.op, node.attrs, in, node.types, threads))
    return {std::move(kernel), false};
  check(reference::has_kernel(*node.op), "a node without a kernel reached the plan");
  return {std::make_unique<ReferenceKernel>(node, in), true};
}

}  // namespace nnx::plan
