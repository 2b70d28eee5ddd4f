// The kernels of single ops, one factory a family; each returns null for what it does not cover. Private to kernels/.
#pragma once

#include "kernels/kernel.h"

namespace nnx::kernels {

struct OpCall {
  const OpDef& op;
  const Attrs& attrs;
  std::span<const Type> in, out;
  int threads;
};

KernelPtr make_dot_kernel(const OpCall& call);       // dot_general
KernelPtr make_movement_kernel(const OpCall& call);  // broadcast_in_dim reshape transpose slice pad concatenate reverse
KernelPtr make_index_kernel(const OpCall& call);     // gather scatter_add
KernelPtr make_scan_kernel(const OpCall& call);      // cumsum sort argmax argmin
KernelPtr make_random_kernel(const OpCall& call);    // threefry2x32, random_bits of many keys
KernelPtr make_row_kernel(const OpCall& call);  // softmax log_softmax softmax_cross_entropy(_grad) layer_norm(_grad)

// to[sum of index * to_strides] = from[sum of index * from_strides] for a space of `dims`, elements of `element` bytes.
// Strides may be negative. Transposes go block by block.
struct StridedCopy {
  std::vector<int64_t> dims = {}, from_strides = {}, to_strides = {};
  int64_t from_offset = 0, to_offset = 0;
  int element = 4;
};
StridedCopy simplified(StridedCopy copy);  // dimensions merged; the last one is the one nearest to unit strides
void strided_copy(const StridedCopy& copy, const void* from, void* to, int64_t begin, int64_t end);  // of dims[0]

std::vector<int64_t> row_major_strides(const Shape& shape);

}  // namespace nnx::kernels
