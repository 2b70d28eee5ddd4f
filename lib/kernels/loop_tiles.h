// Moving elements between arrays and tiles, by the strides of a block. Private to kernels/.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/loop_program.h"

namespace nnx::kernels {

inline void* at(void* base, int64_t elements, int64_t size) { return static_cast<std::byte*>(base) + elements * size; }

// Calls f with a value of the unsigned type of `size` bytes: moving an element needs no more.
template <class F> void with_element(int64_t size, F f) {
  if (size == 1) f(uint8_t{});
  else if (size == 2) f(uint16_t{});
  else f(uint32_t{});
}

// Calls visit(offset, position, count) for each run along the last dimension of block positions [begin, begin + n):
// `offset` is where strides lead for the first of them, position counts from 0.
template <class Visit>
void for_each_run(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides, int64_t begin, int64_t n,
                  Visit visit) {
  int64_t coordinate[Shape::max_rank] = {};
  const size_t rank = sizes.size();
  int64_t rest = begin, offset = 0;
  for (size_t d = rank; d-- > 0;) {
    coordinate[d] = rest % sizes[d];
    rest /= sizes[d];
    offset += coordinate[d] * strides[d];
  }
  for (int64_t done = 0; done < n;) {
    const int64_t count = std::min(n - done, sizes[rank - 1] - coordinate[rank - 1]);
    visit(offset, done, count);
    done += count;
    coordinate[rank - 1] += count;
    offset += count * strides[rank - 1];
    for (size_t d = rank - 1; d > 0 && coordinate[d] == sizes[d]; --d) {
      offset += strides[d - 1] - sizes[d] * strides[d];
      coordinate[d] = 0;
      ++coordinate[d - 1];
    }
  }
}

template <class T> void gather_run(const T* from, int64_t stride, T* to, int64_t n) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(to, n, *from);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i * stride];
  }
}

// Whether positions [begin, begin + n) of the block are whole rows of a walk that repeats each of its rows.
inline bool whole_rows(const Walk& walk, int64_t begin, int64_t n) {
  return walk.row > 0 && begin % walk.row == 0 && n % walk.row == 0;
}

template <class T>
void gather_block(const LoopSpace& space, const Walk& walk, const void* base, int64_t begin, int64_t n, void* to) {
  if (whole_rows(walk, begin, n)) {
    // The row once, then what is there doubled.
    for_each_run(walk.groups, walk.group_strides, begin, n, [&](int64_t offset, int64_t position, int64_t count) {
      T* rows = static_cast<T*>(to) + position;
      std::memcpy(rows, static_cast<const T*>(base) + offset, static_cast<size_t>(walk.row) * sizeof(T));
      for (int64_t done = walk.row; done < count;) {
        const int64_t more = std::min(done, count - done);
        std::memcpy(rows + done, rows, static_cast<size_t>(more) * sizeof(T));
        done += more;
      }
    });
    return;
  }
  for_each_run(space.block, walk.block, begin, n, [&](int64_t offset, int64_t position, int64_t count) {
    gather_run(static_cast<const T*>(base) + offset, walk.block.back(), static_cast<T*>(to) + position, count);
  });
}

template <class T>
void scatter(const LoopSpace& space, const Walk& walk, const void* from, int64_t begin, int64_t n, void* base) {
  const int64_t stride = walk.block.back();
  for_each_run(space.block, walk.block, begin, n, [&](int64_t offset, int64_t position, int64_t count) {
    T* to = static_cast<T*>(base) + offset;
    const T* source = static_cast<const T*>(from) + position;
    for (int64_t i = 0; i < count; ++i) to[i * stride] = source[i];
  });
}

inline void broadcast_single(const void* value, int64_t size, void* to) {
  with_element(size, [&](auto element) {
    std::memcpy(&element, value, sizeof element);
    std::fill_n(static_cast<decltype(element)*>(to), vector_bytes / sizeof element, element);
  });
}

inline int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// The cells of a reduction (loop_cells.cpp): their start values, and cells [begin, end) turned into the result.
void fill_cells(const ProgramOutput& output, void* cells, int64_t n);
void finish_cells(const LoopProgram& program, const ProgramOutput& output, std::byte* scratch, void* result,
                  int64_t begin, int64_t end);

}  // namespace nnx::kernels
