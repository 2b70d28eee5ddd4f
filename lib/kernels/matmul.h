// Batched matrix multiplication with an epilogue, on oneDNN or, where that is too slow to start, on our own loops.
#pragma once

#include "kernels/kernel.h"

namespace nnx::kernels {

enum class Activation : uint8_t { none, relu, tanh, logistic, gelu_tanh, gelu_erf };

// out[b, i, j] = act(sum_k lhs[b, i, k] * rhs[b, k, j] + bias[j]) + residual[b, i, j]; lhs and rhs are f32 or bf16, all
// else, the sums included, is f32.
// Strides in elements; a unit stride on one of the two matrix dimensions of each operand (either transpose is fast), and a
// batch stride of 0 for an operand that is the same for all of the batch.
// args of run(): lhs, rhs, [bias], [residual], out, scratch. No output may be an input. Below about 64 k flops it runs
// our own loops on one thread; bf16 operands are widened for them, and where the processor has no bf16. Throws
// ErrorKind::internal for strides that oneDNN refuses (rows that overlap).
struct MatmulSpec {
  int64_t batch = 1, m = 0, n = 0, k = 0;
  struct Operand {
    int64_t batch_stride = 0, row_stride = 0, col_stride = 1;
  };
  Operand lhs, rhs, out;
  bool bias = false;
  bool residual = false;  // laid out as out
  Activation activation = Activation::none;
  DType operands = DType::f32;  // of lhs and rhs
};

KernelPtr make_matmul(const MatmulSpec& spec, int threads);
// The product of bf16 operands in f32: they are widened to scratch, exactly, first.
KernelPtr make_widened_matmul(const MatmulSpec& spec, int threads);

}  // namespace nnx::kernels
