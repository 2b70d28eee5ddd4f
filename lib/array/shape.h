// A Shape is up to eight non-negative dimensions, stored inline; rank 0 is a scalar of one element.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace nnx {

class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);   // throws ErrorKind::shape: rank > 8, a negative size, or > 2^62 elements

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  int64_t at(int axis) const;                      // negative axes count from the end; throws when out of range
  int64_t size() const;                            // number of elements
  std::span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  int64_t back() const { return dims_[static_cast<size_t>(rank_ - 1)]; }

  Shape with(int axis, int64_t size) const;        // one dimension changed
  Shape without(int axis) const;                   // one dimension removed
  Shape inserted(int axis, int64_t size) const;    // one dimension inserted before `axis` (axis == rank appends)
  Shape prepended(const Shape& leading) const;     // leading dimensions put in front

  friend bool operator==(const Shape& a, const Shape& b);
  uint64_t hash() const;
  std::string to_string() const;                   // "[3,4]", "[]" for a scalar

 private:
  std::array<int64_t, max_rank> dims_{};
  int rank_ = 0;
};

// `axis` counted from the front; throws ErrorKind::shape naming `op` when it is outside [-rank, rank).
int normalize_axis(int axis, int rank, const char* op);

}  // namespace nnx
