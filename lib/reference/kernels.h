// The tables of reference kernels, one function a family.
#pragma once

#include <span>
#include <string_view>

#include "graph/op.h"

namespace nnx::reference {

struct Call {
  const Attrs& attrs;
  std::span<const Type> in_types;
  std::span<const void* const> in;
  std::span<const Type> out_types;
  std::span<void* const> out;
};

struct Entry {
  std::string_view op;
  void (*kernel)(const Call& call);
};

std::span<const Entry> elementwise_kernels();
std::span<const Entry> reduce_kernels();
std::span<const Entry> shape_kernels();
std::span<const Entry> contraction_kernels();
std::span<const Entry> linalg_kernels();
std::span<const Entry> index_kernels();
std::span<const Entry> random_kernels();
std::span<const Entry> loop_kernels();

}  // namespace nnx::reference
