#include "ops/checks.h"

#include <fmt/format.h>

#include <numeric>

#include "base/error.h"

namespace nnx {

void fail_types(std::string_view op, std::string expected, std::span<const Type> got) {
  std::string types;
  for (size_t i = 0; i < got.size(); ++i)
    types += (i == 0 ? "" : i + 1 == got.size() ? " and " : ", ") + got[i].to_string();
  fail(ErrorKind::shape, {.where = std::string(op), .expected = std::move(expected), .got = std::move(types)});
}

void expect_inputs(std::string_view op, std::span<const Type> in, size_t count) {
  if (in.size() != count)
    fail(ErrorKind::internal, {.where = std::string(op), .expected = fmt::format("{} inputs", count),
                               .got = std::to_string(in.size())});
}

void expect_floating(std::string_view op, std::span<const Type> in) {
  for (const Type& t : in)
    if ((t.dtype != DType::f32 && t.dtype != DType::f64) || t.dtype != in[0].dtype) fail_types(op, "f32 or f64, the same for all", in);
}

void expect_axis(std::string_view op, int axis, std::span<const Type> in) {
  if (axis < 0 || axis >= in[0].shape.rank()) fail_types(op, fmt::format("a dimension {}", axis), in);
}

std::vector<int> first_axes(int n) {
  std::vector<int> axes(static_cast<size_t>(n));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

std::vector<int> shifted(const std::vector<int>& axes, int by) {
  std::vector<int> out = axes;
  for (int& a : out) a += by;
  return out;
}

bool is_identity(const std::vector<int>& permutation) {
  return permutation == first_axes(static_cast<int>(permutation.size()));
}

std::vector<int> inverse_permutation(const std::vector<int>& permutation) {
  std::vector<int> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) inverse[static_cast<size_t>(permutation[i])] = static_cast<int>(i);
  return inverse;
}

}  // namespace nnx
