#include "kernels/loop_tiles.h"

namespace nnx::kernels {

void fill_cells(const ProgramOutput& o, void* cells, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (o.as_double) {
      static_cast<double*>(cells)[i] = o.identity;
    } else if (o.dtype == DType::f32) {
      static_cast<float*>(cells)[i] = static_cast<float>(o.identity);
    } else if (o.dtype == DType::i32) {
      static_cast<int32_t*>(cells)[i] = static_cast<int32_t>(o.identity);
    } else if (o.dtype == DType::u32) {
      static_cast<uint32_t*>(cells)[i] = static_cast<uint32_t>(o.identity);
    } else {
      static_cast<uint8_t*>(cells)[i] = o.identity != 0;
    }
  }
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
