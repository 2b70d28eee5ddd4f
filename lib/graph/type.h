// A Type is what is known of an Array before it has a value: element type and shape, printed as f32[3,4].
#pragma once

#include <string>

#include "array/dtype.h"
#include "array/shape.h"
#include "base/hash.h"

namespace nnx {

struct Type {
  DType dtype = DType::f32;
  Shape shape = {};

  int64_t size() const { return shape.size(); }
  size_t bytes() const { return static_cast<size_t>(shape.size()) * size_of(dtype); }
  friend bool operator==(const Type&, const Type&) = default;
  uint64_t hash() const { return hash_combine(shape.hash(), static_cast<uint64_t>(dtype)); }
  std::string to_string() const { return std::string(name_of(dtype)) + shape.to_string(); }
};

}  // namespace nnx
