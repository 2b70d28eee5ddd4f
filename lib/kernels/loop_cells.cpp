#include "kernels/loop_tiles.h"

namespace nnx::kernels {

void fill_cells(const ProgramOutput& o, void* cells, int64_t n) {
  const auto fill = [&](auto* typed) {
    using T = std::remove_pointer_t<decltype(typed)>;
    std::fill_n(static_cast<T*>(cells), n, static_cast<T>(o.identity));
  };
  if (o.as_double) fill(static_cast<double*>(nullptr));
  else if (o.dtype == DType::f32) fill(static_cast<float*>(nullptr));
  else if (o.dtype == DType::i32) fill(static_cast<int32_t*>(nullptr));
  else if (o.dtype == DType::u32) fill(static_cast<uint32_t*>(nullptr));
  else std::fill_n(static_cast<uint8_t*>(cells), n, static_cast<uint8_t>(o.identity != 0));
}

// Partial results are combined in order of threads.
void finish_cells(const LoopProgram& p, const ProgramOutput& o, std::byte* scratch, void* result, int64_t begin,
                  int64_t end) {
  std::byte* first = scratch + o.cells_at;
  for (int t = 1; o.partial && t < p.threads; ++t) {
    std::byte* other = first + t * aligned(o.cells * o.cell_bytes);
    if (o.as_double) {
      for (int64_t i = begin; i < end; ++i) reinterpret_cast<double*>(first)[i] += reinterpret_cast<double*>(other)[i];
      continue;
    }
    VectorCall call;
    call.out = first + begin * o.cell_bytes;
    call.in[0] = call.out;
    call.in[1] = other + begin * o.cell_bytes;
    call.step[0] = call.step[1] = 1;
    call.n = end - begin;
    o.combine(call);
  }
  for_each_run(o.kept, o.kept_strides, begin, end - begin, [&](int64_t offset, int64_t position, int64_t count) {
    const int64_t stride = o.kept_strides.back();
    if (o.as_double && stride == 1) {
      auto* to = static_cast<float*>(result) + offset;
      const auto* sums = reinterpret_cast<const double*>(first) + begin + position;
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(sums[i]);
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      void* to = at(result, offset + i * stride, static_cast<int64_t>(size_of(o.dtype)));
      const std::byte* cell = first + (begin + position + i) * o.cell_bytes;
      if (o.as_double) {
        const float value = static_cast<float>(*reinterpret_cast<const double*>(cell));
        std::memcpy(to, &value, sizeof value);
      } else {
        std::memcpy(to, cell, static_cast<size_t>(o.cell_bytes));
      }
    }
  });
}

}  // namespace nnx::kernels
