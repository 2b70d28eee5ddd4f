#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernels/factories.h"

namespace nnx::kernels {
namespace {

constexpr int64_t block = 32;  // of a transpose: 32 rows of two cache lines each

template <class T>
void copy_plane(const T* from, int64_t from_row, int64_t from_col, T* to, int64_t to_row, int64_t to_col, int64_t rows,
                int64_t cols) {
  if (from_col == 1 && to_col == 1) {
    for (int64_t i = 0; i < rows; ++i)
      std::memcpy(to + i * to_row, from + i * from_row, static_cast<size_t>(cols) * sizeof(T));
    return;
  }
  if (from_col == 0 && to_col == 1) {
    for (int64_t i = 0; i < rows; ++i) std::fill_n(to + i * to_row, cols, from[i * from_row]);
    return;
  }
  for (int64_t i0 = 0; i0 < rows; i0 += block) {
    for (int64_t j0 = 0; j0 < cols; j0 += block) {
      const int64_t i1 = std::min(rows, i0 + block), j1 = std::min(cols, j0 + block);
      for (int64_t i = i0; i < i1; ++i) {
        for (int64_t j = j0; j < j1; ++j) to[i * to_row + j * to_col] = from[i * from_row + j * from_col];
      }
    }
  }
}

template <class T> void copy_all(const StridedCopy& c, size_t d, const T* from, T* to, int64_t begin, int64_t end) {
  const size_t rank = c.dims.size();
  if (d + 2 == rank) {
    return copy_plane(from + begin * c.from_strides[d], c.from_strides[d], c.from_strides[d + 1],
                      to + begin * c.to_strides[d], c.to_strides[d], c.to_strides[d + 1], end - begin, c.dims[d + 1]);
  }
  for (int64_t i = begin; i < end; ++i) {
    copy_all(c, d + 1, from + i * c.from_strides[d], to + i * c.to_strides[d], 0, c.dims[d + 1]);
  }
}

void drop(StridedCopy& c, size_t d) {
  const auto at = static_cast<long>(d);
  c.dims.erase(c.dims.begin() + at);
  c.from_strides.erase(c.from_strides.begin() + at);
  c.to_strides.erase(c.to_strides.begin() + at);
}

}  // namespace

std::vector<int64_t> row_major_strides(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 1);
  for (size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[static_cast<int>(d)];
  return strides;
}

StridedCopy simplified(StridedCopy c) {
  for (size_t d = c.dims.size(); d-- > 0;) {
    if (c.dims[d] == 1) drop(c, d);
  }
  for (size_t d = c.dims.size(); d-- > 1;) {
    if (c.from_strides[d - 1] != c.from_strides[d] * c.dims[d] || c.to_strides[d - 1] != c.to_strides[d] * c.dims[d])
      continue;
    c.dims[d] *= c.dims[d - 1];
    drop(c, d - 1);
  }
  // A transpose: the dimension that is dense in `from` goes next to the last, so that blocks hold both.
  const auto dense = std::find(c.from_strides.begin(), c.from_strides.end(), 1);
  if (c.dims.size() > 2 && dense < c.from_strides.end() - 2) {
    const auto at = dense - c.from_strides.begin();
    std::rotate(c.dims.begin() + at, c.dims.begin() + at + 1, c.dims.end() - 1);
    std::rotate(c.to_strides.begin() + at, c.to_strides.begin() + at + 1, c.to_strides.end() - 1);
    std::rotate(c.from_strides.begin() + at, c.from_strides.begin() + at + 1, c.from_strides.end() - 1);
  }
  while (c.dims.size() < 2) {
    c.dims.insert(c.dims.begin(), 1);
    c.from_strides.insert(c.from_strides.begin(), 0);
    c.to_strides.insert(c.to_strides.begin(), 0);
  }
  return c;
}

void strided_copy(const StridedCopy& c, const void* from, void* to, int64_t begin, int64_t end) {
  if (c.element == 1) {
    copy_all(c, 0, static_cast<const uint8_t*>(from) + c.from_offset, static_cast<uint8_t*>(to) + c.to_offset, begin,
             end);
  } else if (c.element == 2) {
    copy_all(c, 0, static_cast<const uint16_t*>(from) + c.from_offset, static_cast<uint16_t*>(to) + c.to_offset, begin,
             end);
  } else if (c.element == 4) {
    copy_all(c, 0, static_cast<const uint32_t*>(from) + c.from_offset, static_cast<uint32_t*>(to) + c.to_offset, begin,
             end);
  } else {
    copy_all(c, 0, static_cast<const uint64_t*>(from) + c.from_offset, static_cast<uint64_t*>(to) + c.to_offset, begin,
             end);
  }
}

}  // namespace nnx::kernels
