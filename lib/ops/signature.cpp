#include "ops/signature.h"

#include "ops/checks.h"

namespace nnx {

void expect_dtype(std::string_view op, DTypeSet allowed, const Type& type) {
  if (allowed.contains(type.dtype)) return;
  std::string expected;
  unsigned left = allowed.bits;
  for (const DType d : all_dtypes) {
    if (!allowed.contains(d)) continue;
    left &= ~DTypeSet{d}.bits;
    expected += (expected.empty() ? "" : left == 0 ? " or " : ", ") + std::string(name_of(d));
  }
  fail_types(op, std::move(expected), {&type, 1});
}

void expect_same_types(std::string_view op, DTypeSet allowed, size_t arity, std::span<const Type> in) {
  expect_inputs(op, in, arity);
  for (const Type& type : in)
    if (type != in[0]) fail_types(op, "inputs of one type", in);
  expect_dtype(op, allowed, in[0]);
}

}  // namespace nnx
