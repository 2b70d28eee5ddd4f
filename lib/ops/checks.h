// What infer and batch rules of several families share: failing with the op and its types, and moving axis numbers.
//
//   if (in[0].dtype != in[1].dtype) fail_types("dot_general", "equal dtypes", in);
//   -> "dot_general: expected equal dtypes, got f32[2,3] and i32[3,4]"
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/type.h"

namespace nnx {

// Throws ErrorKind::shape.
[[noreturn]] void fail_types(std::string_view op, std::string expected, std::span<const Type> got);

// An op was emitted with a number of inputs that it never takes: a fault of nnx itself, not of its user.
void expect_inputs(std::string_view op, std::span<const Type> in, size_t count);
void expect_floating(std::string_view op, std::span<const Type> in);      // all of them f32, or all of them f64
void expect_axis(std::string_view op, int axis, std::span<const Type> in);   // 0 <= axis < rank of the first input

std::vector<int> first_axes(int n);                              // 0 ... n-1
std::vector<int> shifted(const std::vector<int>& axes, int by);  // each axis plus `by`
bool is_identity(const std::vector<int>& permutation);
std::vector<int> inverse_permutation(const std::vector<int>& permutation);

// `v` with `first` in front: attributes of one entry a dimension, with the batch dimension added.
template <class T>
std::vector<T> prepended(const std::vector<T>& v, T first) {
  std::vector<T> out{first};
  out.insert(out.end(), v.begin(), v.end());
  return out;
}

}  // namespace nnx
