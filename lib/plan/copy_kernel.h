// Copies a strided view of any dtype to row-major order: for dtypes that fused loops do not take.
#pragma once

#include "graph/type.h"
#include "kernels/kernel.h"

namespace nnx::plan {

class CopyKernel : public kernels::Kernel {
 public:
  CopyKernel(Type type, std::vector<int64_t> strides);  // strides of the source, in elements
  void run(void* const* args) const override;           // source (at the view's offset), result
  std::string name() const override { return "copy"; }
  double bytes() const override { return 2.0 * static_cast<double>(type_.bytes()); }

 private:
  void copy(int dim, const std::byte* from, std::byte*& to) const;
  Type type_;
  std::vector<int64_t> strides_;
};

}  // namespace nnx::plan
