#include "kernels/factories.h"

namespace nnx::kernels {

KernelPtr make_kernel(const OpDef& op, const Attrs& attrs, std::span<const Type> in, std::span<const Type> out,
                      int threads) {
  const OpCall call{op, attrs, in, out, threads};
  using Factory = KernelPtr (*)(const OpCall&);
  for (const Factory factory :
       {make_dot_kernel, make_movement_kernel, make_index_kernel, make_scan_kernel, make_random_kernel,
        make_row_kernel}) {
    if (KernelPtr kernel = factory(call)) return kernel;
  }
  return nullptr;
}

}  // namespace nnx::kernels
