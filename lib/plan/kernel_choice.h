// Which kernel runs a node: the one place that asks kernels/ and reference/ what they offer.
#pragma once

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "kernels/matmul.h"
#include "ops/attrs.h"
#include "plan/view.h"

namespace nnx::plan {

std::vector<Type> input_types(const Graph& graph, const Node& node);

// Whether kernels/ can run this op as an instruction of a fused loop, or as a reduction at its edge.
bool is_instruction(const OpDef& op, std::span<const Type> in, std::span<const Type> out);
bool is_reduction(const OpDef& op, std::span<const Type> in);

// Whether anything below an expansion runs these types: a fused loop, a fast kernel or a reference kernel.
bool has_native_kernel(const OpDef& op, const Attrs& attrs, std::span<const Type> in, std::span<const Type> out);

// A dot_general to f32, of f32 or bf16, that is not empty is one batched matrix product [batch, m, k] x [batch, k, n].
bool is_matmul(const Graph& graph, const Node& node);
// How the product walks each operand, or none when it cannot (layout() then transposes and copies the operand).
std::optional<kernels::MatmulSpec::Operand> matmul_lhs(const DotAttrs& dims, const Shape& shape, const View& view);
std::optional<kernels::MatmulSpec::Operand> matmul_rhs(const DotAttrs& dims, const Shape& shape, const View& view);
// The dimensions of an operand that are neither batch nor contracted.
std::vector<int> free_dims(int rank, const std::vector<int>& batch, const std::vector<int>& contract);
kernels::MatmulSpec matmul_spec(const Graph& graph, const Node& node, const View& lhs, const View& rhs);

// The kernel of a node that is no loop: fast if there is one, else reference. Operands are contiguous.
struct NodeKernel {
  kernels::KernelPtr kernel;
  bool fallback = false;
};
NodeKernel make_node_kernel(const Graph& graph, const Node& node, const std::vector<View>& views, int threads);

}  // namespace nnx::plan
