#include "lang/indexing.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/index.h"
#include "ops/shape.h"

namespace nnx::lang {
namespace {

struct Range {
  int64_t start, stop, step;
};

// The bounds of a slice of `size` elements; with a negative step it runs from start down to above stop.
Range range_of(const Index& slice, int64_t size) {
  // Longer steps than any axis are one step, and far from overflowing.
  const int64_t step = std::clamp(slice.step.value_or(1), -(int64_t{1} << 40), int64_t{1} << 40);
  if (step == 0) fail(ErrorKind::shape, {.message = "the step of a slice cannot be 0"});
  const auto cut = [&](std::optional<int64_t> at, int64_t otherwise) {
    if (!at) return otherwise;
    const int64_t from_start = *at < 0 ? *at + size : *at;
    return step > 0 ? std::clamp(from_start, int64_t{0}, size) : std::clamp(from_start, int64_t{-1}, size - 1);
  };
  return step > 0 ? Range{cut(slice.start, 0), cut(slice.stop, size), step}
                  : Range{cut(slice.start, size - 1), cut(slice.stop, -1), step};
}

Array slice_along(const Array& x, int axis, const Index& slice) {
  const int64_t size = x.dim(axis);
  const Range r = range_of(slice, size);
  if (r.step > 0) {
    const int64_t stop = std::max(r.start, r.stop);
    return r.start == 0 && stop == size && r.step == 1 ? x : slice_axis(x, axis, r.start, stop, r.step);
  }
  const int64_t stop = std::min(r.start, r.stop);  // the elements stop + 1 ... start, from the last one down
  Array part = slice_axis(x, axis, stop + 1, r.start + 1);
  part = reverse(part, {axis});
  return r.step == -1 ? part : slice_axis(part, axis, 0, part.dim(axis), -r.step);
}

}  // namespace

Array index_array(const Array& x, const std::vector<Index>& indices) {
  const auto uses_axis = [](const Index& i) { return i.form != Index::Form::ellipsis && i.form != Index::Form::new_axis; };
  const int used = static_cast<int>(std::ranges::count_if(indices, uses_axis));
  const auto ellipses = std::ranges::count(indices, Index::Form::ellipsis, &Index::form);
  if (used > x.rank()) fail(ErrorKind::shape, {.message = fmt::format("{} indices for an Array {}", used, x.type().to_string())});
  if (ellipses > 1) fail(ErrorKind::shape, {.message = "more than one ... in an index"});
  if (std::ranges::count(indices, Index::Form::array, &Index::form) > 1)
    fail(ErrorKind::shape, {.message = "more than one Array in an index", .hint = "use take_along_axis"});
  Array y = x;
  int axis = 0;
  for (const Index& index : indices) {
    switch (index.form) {
      case Index::Form::ellipsis: axis += x.rank() - used; break;
      case Index::Form::new_axis: y = expand_dims(y, axis++); break;
      case Index::Form::slice: y = slice_along(y, axis++, index); break;
      case Index::Form::array:
        y = take(y, index.array, axis);
        axis += index.array.rank();
        break;
      case Index::Form::integer: {
        const int64_t size = y.dim(axis), at = *index.start;
        if (at < -size || at >= size)
          fail(ErrorKind::shape, {.expected = fmt::format("an index of an axis of {}", size), .got = fmt::format("{} for {}", at, x.type().to_string())});
        y = index_axis(y, axis, at < 0 ? at + size : at);
        break;
      }
    }
  }
  return y;
}

CallValue::List sliced(const CallValue::List& tuple, const Index& slice) {
  const Range r = range_of(slice, static_cast<int64_t>(tuple.size()));
  CallValue::List out;
  for (int64_t i = r.start; r.step > 0 ? i < r.stop : i > r.stop; i += r.step) out.push_back(tuple[static_cast<size_t>(i)]);
  return out;
}

}  // namespace nnx::lang
