#include "plan/passes.h"

namespace nnx::plan {

// Where a fork pays, measured: about 32 k elements of an elementwise pass, about half a MFLOP of a product.
int loop_threads(int64_t elements, int available) { return elements < 32 * 1024 ? 1 : available; }
int matmul_threads(double flops, int available) { return flops < 0.5e6 ? 1 : available; }

}  // namespace nnx::plan
