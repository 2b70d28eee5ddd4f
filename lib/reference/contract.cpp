// The reference kernel of dot_general: one sum of products an element, in double.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "ops/attrs.h"
#include "reference/loops.h"

namespace nnx::reference {
namespace {

// A group of dimensions of one operand: sizes and strides, to turn a linear index of the group into an offset.
struct Group {
  std::vector<int64_t> sizes, strides;

  Group(const Shape& shape, const std::vector<int>& axes) {
    for (const int axis : axes) {
      sizes.push_back(shape[axis]);
      strides.push_back(row_major_strides(shape)[static_cast<size_t>(axis)]);
    }
  }
  int64_t count() const {
    int64_t n = 1;
    for (const int64_t s : sizes) n *= s;
    return n;
  }
  std::vector<int64_t> offsets() const {
    std::vector<int64_t> all(static_cast<size_t>(count()), 0);
    for (size_t i = 0; i < all.size(); ++i) {
      auto rest = static_cast<int64_t>(i);
      for (size_t d = sizes.size(); d-- > 0; rest /= sizes[d]) all[i] += rest % sizes[d] * strides[d];
    }
    return all;
  }
};

Group free_group(const Shape& shape, const std::vector<int>& contract, const std::vector<int>& batch) {
  std::vector<int> axes;
  for (int i = 0; i < shape.rank(); ++i)
    if (std::ranges::find(contract, i) == contract.end() && std::ranges::find(batch, i) == batch.end())
      axes.push_back(i);
  return {shape, axes};
}

template <class T, class Result>
void dot_typed(const Call& call) {
  const auto& a = call.attrs.as<DotAttrs>();
  const Shape &l = call.in_types[0].shape, &r = call.in_types[1].shape;
  const std::vector<int64_t> lhs_batch = Group(l, a.lhs_batch).offsets(), rhs_batch = Group(r, a.rhs_batch).offsets();
  const std::vector<int64_t> lhs_sum = Group(l, a.lhs_contract).offsets(), rhs_sum = Group(r, a.rhs_contract).offsets();
  const std::vector<int64_t> rows = free_group(l, a.lhs_contract, a.lhs_batch).offsets();
  const std::vector<int64_t> columns = free_group(r, a.rhs_contract, a.rhs_batch).offsets();
  const T* lhs = input<T>(call, 0);
  const T* rhs = input<T>(call, 1);
  Result* out = output<Result>(call, 0);
  for (size_t b = 0; b < lhs_batch.size(); ++b)
    for (const int64_t row : rows)
      for (const int64_t column : columns) {
        double sum = 0;
        for (size_t k = 0; k < lhs_sum.size(); ++k)
          sum += static_cast<double>(lhs[lhs_batch[b] + row + lhs_sum[k]]) *
                 static_cast<double>(rhs[rhs_batch[b] + column + rhs_sum[k]]);
        *out++ = static_cast<Result>(sum);
      }
}

void dot_general(const Call& call) {
  by_dtype<float, double, bf16>(call.in_types[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    dot_typed<T, std::conditional_t<std::is_same_v<T, bf16>, float, T>>(call);
  });
}

}  // namespace

std::span<const Entry> contraction_kernels() {
  static constexpr Entry entries[] = {{"dot_general", dot_general}};
  return entries;
}

}  // namespace nnx::reference
