// Indexing of Arrays and tuples as in NumPy: integers, slices, `...`, none for a new axis, and one Array of integers.
#pragma once

#include <optional>

#include "nnx/call.h"

namespace nnx::lang {

struct Index {
  enum class Form { integer, slice, ellipsis, new_axis, array };
  Form form = Form::integer;
  std::optional<int64_t> start = {}, stop = {}, step = {};  // of a slice; an integer is its start
  Array array = {};
};

// Bounds of slices are cut to the axis; throws ErrorKind::shape for an integer out of range and too many indices.
Array index_array(const Array& x, const std::vector<Index>& indices);
CallValue::List sliced(const CallValue::List& tuple, const Index& slice);

}  // namespace nnx::lang
