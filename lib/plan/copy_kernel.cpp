#include "plan/copy_kernel.h"

#include <cstring>

namespace nnx::plan {

CopyKernel::CopyKernel(Type type, std::vector<int64_t> strides)
    : type_(std::move(type)), strides_(std::move(strides)) {}

void CopyKernel::copy(int dim, const std::byte* from, std::byte*& to) const {
  const size_t element = size_of(type_.dtype);
  if (dim == type_.shape.rank()) {
    std::memcpy(to, from, element);
    to += element;
    return;
  }
  const int64_t step = strides_[static_cast<size_t>(dim)] * static_cast<int64_t>(element);
  for (int64_t i = 0; i < type_.shape[dim]; ++i) copy(dim + 1, from + i * step, to);
}

void CopyKernel::run(void* const* args) const {
  auto* to = static_cast<std::byte*>(args[1]);
  if (type_.size() > 0) copy(0, static_cast<const std::byte*>(args[0]), to);
}

}  // namespace nnx::plan
