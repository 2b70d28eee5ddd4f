// A FusedLoop is one pass over an iteration space: a straight-line program of elementwise instructions, run on tiles
// that stay in L1, with loads that may broadcast or stride, and stores that may reduce.
//
//   y = relu(a + b), and the column sums of y, over [128, 512] with b a row:
//   loop.dims = {128, 512}
//   loop.inputs = {{f32, strides {512, 1}}, {f32, strides {0, 1}}}           registers 0, 1
//   loop.code = {{"add", {0, 1}}, {"relu", {2}}}                             registers 2, 3
//   loop.outputs = {{.reg = 3, .strides = {512, 1}}, {.reg = 3, .strides = {0, 1}, .reduce = Reduce::sum}}
//
// Invariants: registers are SSA, numbered inputs first, then instructions in order, and typed; an instruction's result
// register has `dtype`. Strides are in elements, one a dimension. A reducing output has stride 0 exactly on the reduced
// dimensions; its value is overwritten, not added to. Outputs may be the same memory as an input when both walk the
// space with equal strides (in-place updates) and no other input reads that memory.
#pragma once

#include <string_view>
#include <vector>

#include "graph/type.h"
#include "kernels/kernel.h"

namespace nnx::kernels {

enum class Reduce : uint8_t { none, sum, prod, max, min, logical_and, logical_or };

struct LoopInput {
  DType dtype = DType::f32;
  std::vector<int64_t> strides;
};

// op: the name of an elementwise op of ops/attrs.h, or one of
//   "relu", "gelu_tanh", "gelu_erf"        one f32 argument
//   "threefry2x32.0", "threefry2x32.1"     the first and the second result of threefry2x32 (k0, k1, x0, x1)
//   "fill"         no args, `value`
//   "iota"         no args; the element is index_offset + sum(index_strides * coordinates), as dtype
//   "random_bits"  arg: an input register whose pointer is a u32[2] key (its strides are all 0); element i of the draw,
//                  i as for iota in 64 bits
struct LoopInstruction {
  std::string_view op;
  std::vector<int> args;
  DType dtype = DType::f32;  // of the result
  double value = 0;
  int64_t index_offset = 0;
  std::vector<int64_t> index_strides = {};
};

struct LoopOutput {
  int reg = 0;
  std::vector<int64_t> strides;
  Reduce reduce = Reduce::none;
};

struct FusedLoop {
  Shape dims;  // of any sizes: dimensions that all operands walk as one are merged here
  std::vector<LoopInput> inputs;
  std::vector<LoopInstruction> code;
  std::vector<LoopOutput> outputs;  // all of one space
};

// Arithmetic is that of the single ops, bit for bit, wherever an element lies and however instructions are joined.
// Whether an instruction of this op and dtypes can run here (f32, i32, u32, bool; f64 goes to reference kernels).
bool can_fuse(std::string_view op, std::span<const DType> args, DType result);

// Throws ErrorKind::internal for an instruction that can_fuse() denies. args of run(): the inputs, the outputs,
// scratch. f32 sums are accumulated so that the error does not grow with the count (blocked or pairwise), in an order
// fixed by (dims, threads).
KernelPtr make_fused_loop(const FusedLoop& loop, int threads);

}  // namespace nnx::kernels
