// A Kernel is one prepared computation: built once at plan time for fixed types and a fixed number of threads, then run
// with pointers. Running allocates nothing of ours and looks nothing up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "graph/op.h"

namespace nnx::kernels {

class Kernel {
 public:
  virtual ~Kernel() = default;

  // args: the inputs, the outputs, then one scratch block of scratch_bytes() (64-byte aligned) when that is not 0.
  // An output may be the very same pointer as an input only where the factory's comment says so.
  virtual void run(void* const* args) const = 0;

  virtual std::string name() const = 0;  // what runs: "fused[add,relu]", "matmul brg:avx512_core", "softmax"
  virtual size_t scratch_bytes() const { return 0; }
  virtual double flops() const { return 0; }  // floating-point operations a run
  virtual double bytes() const { return 0; }  // bytes read and written a run
  virtual int threads() const { return 1; }
};

using KernelPtr = std::unique_ptr<Kernel>;

// The fast kernel of one op for these types, or null when there is none (the plan then expands the op or falls back to
// reference/). Covers contraction, index, row-wise neural ops, data movement, sort, cumsum, argmax; elementwise ops and
// reductions are built through fused_loop.h, matmuls with an epilogue through matmul.h.
KernelPtr make_kernel(const OpDef& op, const Attrs& attrs, std::span<const Type> in, std::span<const Type> out,
                      int threads);

// Threads a plan may use: OMP_NUM_THREADS, or the processors this process may run on.
int max_threads();
void set_max_threads(int threads);  // throws ErrorKind::config below 1

// The instruction set our own kernels were chosen for: "avx512", "avx2" or "baseline"; NNX_ISA lowers it.
std::string isa_name();
// Whether products of bf16 run in bf16: the processor has AVX512_BF16, and NNX_ISA does not lower it.
bool has_bf16();
// oneDNN's version and effective instruction set, for manifests: "oneDNN 2.6.3 avx512_core_bf16".
std::string library_name();

}  // namespace nnx::kernels
