#include "array/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace nnx {

Shape::Shape(std::span<const int64_t> dims) {
  if (dims.size() > max_rank)
    fail(ErrorKind::shape, {.where = "shape", .expected = "at most 8 dimensions", .got = std::to_string(dims.size())});
  int64_t elements = 1;
  for (const int64_t d : dims) {
    if (d < 0)
      fail(ErrorKind::shape, {.where = "shape", .expected = "sizes of at least 0", .got = fmt::format("[{}]", fmt::join(dims, ","))});
    if (__builtin_mul_overflow(elements, std::max<int64_t>(d, 1), &elements) || elements > (int64_t{1} << 62))
      fail(ErrorKind::shape, {.where = "shape", .expected = "at most 2^62 elements", .got = fmt::format("[{}]", fmt::join(dims, ","))});
    dims_[static_cast<size_t>(rank_++)] = d;
  }
}

int64_t Shape::at(int axis) const { return (*this)[normalize_axis(axis, rank_, "shape")]; }

int64_t Shape::size() const {
  int64_t n = 1;
  for (const int64_t d : dims()) n *= d;
  return n;
}

Shape Shape::with(int axis, int64_t size) const {
  std::vector<int64_t> d(begin(), end());
  d.at(static_cast<size_t>(axis)) = size;
  return Shape(d);
}

Shape Shape::without(int axis) const {
  std::vector<int64_t> d(begin(), end());
  d.erase(d.begin() + axis);
  return Shape(d);
}

Shape Shape::inserted(int axis, int64_t size) const {
  std::vector<int64_t> d(begin(), end());
  d.insert(d.begin() + axis, size);
  return Shape(d);
}

Shape Shape::prepended(const Shape& leading) const {
  std::vector<int64_t> d(leading.begin(), leading.end());
  d.insert(d.end(), begin(), end());
  return Shape(d);
}

bool operator==(const Shape& a, const Shape& b) { return std::ranges::equal(a.dims(), b.dims()); }

uint64_t Shape::hash() const {
  uint64_t h = hash_combine(hash_seed, static_cast<uint64_t>(rank_));
  for (const int64_t d : dims()) h = hash_combine(h, static_cast<uint64_t>(d));
  return h;
}

std::string Shape::to_string() const { return fmt::format("[{}]", fmt::join(dims(), ",")); }

int normalize_axis(int axis, int rank, const char* op) {
  if (axis < -rank || axis >= rank)
    fail(ErrorKind::shape, {.where = op, .expected = fmt::format("an axis in [{}, {})", -rank, rank), .got = std::to_string(axis)});
  return axis < 0 ? axis + rank : axis;
}

}  // namespace nnx
