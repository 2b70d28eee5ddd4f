// The functions of shape.h that are made of its primitives.
#include <fmt/format.h>

#include "base/error.h"
#include "ops/checks.h"
#include "ops/shape.h"

namespace nnx {

Array zeros(const Shape& shape, DType dtype) { return full(shape, 0, dtype); }
Array ones(const Shape& shape, DType dtype) { return full(shape, 1, dtype); }
Array zeros_like(const Array& x) { return zeros(x.shape(), x.dtype()); }
Array ones_like(const Array& x) { return ones(x.shape(), x.dtype()); }
Array arange(int64_t n, DType dtype) { return iota({n}, 0, dtype); }

Array broadcast_to(const Array& x, const Shape& shape) {
  const int added = shape.rank() - x.rank();
  bool fits = added >= 0;
  for (int i = 0; fits && i < x.rank(); ++i) fits = x.dim(i) == 1 || x.dim(i) == shape[i + added];
  if (!fits)
    fail_types("broadcast_to", fmt::format("an array that broadcasts to {}", shape.to_string()), {&x.type(), 1});
  return broadcast_in_dim(x, shape, shifted(first_axes(x.rank()), added));
}

Array reshape_to(const Array& x, std::vector<int64_t> sizes) {
  int64_t known = 1;
  int64_t* unknown = nullptr;
  for (int64_t& s : sizes) {
    if (s == -1 && unknown)
      fail(ErrorKind::shape, {.where = "reshape_to",
                              .expected = "at most one size of -1",
                              .got = fmt::format("[{}]", fmt::join(sizes, ","))});
    if (s == -1) unknown = &s;
    else known *= s;
  }
  if (unknown) {
    if (known == 0 || x.size() % known != 0)
      fail_types("reshape_to", fmt::format("an array that [{}] divides", fmt::join(sizes, ",")), {&x.type(), 1});
    *unknown = x.size() / known;
  }
  return reshape(x, Shape(sizes));
}

Array flatten(const Array& x, int start_axis) {
  if (x.rank() == 0) return reshape(x, {1});
  const int start = normalize_axis(start_axis, x.rank(), "flatten");
  std::vector<int64_t> sizes(x.shape().begin(), x.shape().begin() + start);
  int64_t rest = 1;
  for (int i = start; i < x.rank(); ++i) rest *= x.dim(i);
  sizes.push_back(rest);
  return reshape(x, Shape(sizes));
}

Array expand_dims(const Array& x, int axis) {
  return reshape(x, x.shape().inserted(normalize_axis(axis, x.rank() + 1, "expand_dims"), 1));
}

Array squeeze(const Array& x, int axis) {
  const int a = normalize_axis(axis, x.rank(), "squeeze");
  if (x.dim(a) != 1) fail_types("squeeze", fmt::format("size 1 in dimension {}", a), {&x.type(), 1});
  return reshape(x, x.shape().without(a));
}

Array transpose(const Array& x) {
  const std::vector<int> axes = first_axes(x.rank());
  return transpose(x, std::vector<int>(axes.rbegin(), axes.rend()));
}

Array swapaxes(const Array& x, int a, int b) {
  std::vector<int> permutation = first_axes(x.rank());
  std::swap(permutation[static_cast<size_t>(normalize_axis(a, x.rank(), "swapaxes"))],
            permutation[static_cast<size_t>(normalize_axis(b, x.rank(), "swapaxes"))]);
  return transpose(x, permutation);
}

Array moveaxis(const Array& x, int from, int to) {
  std::vector<int> permutation = first_axes(x.rank());
  const int source = normalize_axis(from, x.rank(), "moveaxis");
  permutation.erase(permutation.begin() + source);
  permutation.insert(permutation.begin() + normalize_axis(to, x.rank(), "moveaxis"), source);
  return transpose(x, permutation);
}

Array slice_axis(const Array& x, int axis, int64_t start, int64_t limit, int64_t stride) {
  const auto a = static_cast<size_t>(normalize_axis(axis, x.rank(), "slice_axis"));
  std::vector<int64_t> starts(static_cast<size_t>(x.rank()), 0), strides(starts.size(), 1);
  std::vector<int64_t> limits(x.shape().begin(), x.shape().end());
  starts[a] = start;
  limits[a] = limit;
  strides[a] = stride;
  return slice(x, starts, limits, strides);
}

Array index_axis(const Array& x, int axis, int64_t index) {
  const int64_t n = x.dim(axis);
  if (index < -n || index >= n)
    fail(ErrorKind::shape,
         {.where = "index_axis", .expected = fmt::format("an index in [{}, {})", -n, n), .got = std::to_string(index)});
  const int64_t i = index < 0 ? index + n : index;
  return squeeze(slice_axis(x, axis, i, i + 1), axis);
}

Array stack(const Arrays& xs, int axis) {
  Arrays expanded;
  for (const Array& x : xs) {
    if (x.type() != xs[0].type()) {
      const Type different[] = {xs[0].type(), x.type()};
      fail_types("stack", "arrays of one type", different);
    }
    expanded.push_back(expand_dims(x, axis));
  }
  return concatenate(expanded, axis);
}

Arrays split(const Array& x, int sections, int axis) {
  const int64_t n = x.dim(axis);
  if (sections < 1 || n % sections != 0)
    fail_types("split", fmt::format("dimension {} to divide in {}", axis, sections), {&x.type(), 1});
  Arrays parts;
  for (int64_t i = 0; i < sections; ++i)
    parts.push_back(slice_axis(x, axis, i * (n / sections), (i + 1) * (n / sections)));
  return parts;
}

}  // namespace nnx
