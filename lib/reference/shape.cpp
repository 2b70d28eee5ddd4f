// Reference kernels that make or move elements; elements are moved by their size, whatever they mean.
#include <algorithm>
#include <concepts>
#include <vector>

#include "ops/attrs.h"
#include "reference/loops.h"

namespace nnx::reference {
namespace {

// Calls f with a value of the unsigned type of the element size: moving bits needs no more.
template <class F>
void by_size(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    default: return f(uint64_t{});
  }
}

// out[i...] = in[offset + sum of i * stride]: broadcast, transpose, slice and reverse are nothing else.
void copy_strided(const Call& call, int64_t offset, const std::vector<int64_t>& strides) {
  by_size(call.in_types[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* in = input<T>(call, 0) + offset;
    T* out = output<T>(call, 0);
    walk(call.out_types[0].shape, strides, [&](int64_t i, int64_t from) { out[i] = in[from]; });
  });
}

void fill(const Call& call) {
  const double value = call.attrs.as<FillAttrs>().value;
  by_dtype<float, double, int32_t, uint32_t, bool, bf16>(call.out_types[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    // through int64: an integer that does not fit wraps, as every integer op does
    T* out = output<T>(call, 0);
    if constexpr (std::integral<T> && !std::same_as<T, bool>)
      std::fill_n(out, call.out_types[0].size(), static_cast<T>(static_cast<int64_t>(value)));
    else if constexpr (std::same_as<T, bf16>)
      std::fill_n(out, call.out_types[0].size(), bf16(static_cast<float>(value)));
    else
      std::fill_n(out, call.out_types[0].size(), static_cast<T>(value));
  });
}

void iota(const Call& call) {
  const Type& type = call.out_types[0];
  std::vector<int64_t> strides(static_cast<size_t>(type.shape.rank()), 0);
  strides[static_cast<size_t>(call.attrs.as<IotaAttrs>().axis)] = 1;
  by_dtype<float, double, int32_t, uint32_t>(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* out = output<T>(call, 0);
    walk(type.shape, strides, [&](int64_t i, int64_t position) { out[i] = static_cast<T>(position); });
  });
}

void broadcast_in_dim(const Call& call) {
  const auto& a = call.attrs.as<BroadcastAttrs>();
  const Shape& from = call.in_types[0].shape;
  const std::vector<int64_t> in_strides = row_major_strides(from);
  std::vector<int64_t> strides(static_cast<size_t>(a.shape.rank()), 0);
  for (size_t i = 0; i < a.dims.size(); ++i)
    if (from[static_cast<int>(i)] == a.shape[a.dims[i]]) strides[static_cast<size_t>(a.dims[i])] = in_strides[i];
  copy_strided(call, 0, strides);
}

void reshape(const Call& call) {
  const auto* in = input<char>(call, 0);
  std::copy_n(in, call.in_types[0].bytes(), output<char>(call, 0));
}

void transpose(const Call& call) {
  const std::vector<int64_t> in_strides = row_major_strides(call.in_types[0].shape);
  std::vector<int64_t> strides;
  for (const int p : call.attrs.as<TransposeAttrs>().permutation) strides.push_back(in_strides[static_cast<size_t>(p)]);
  copy_strided(call, 0, strides);
}

void slice(const Call& call) {
  const auto& a = call.attrs.as<SliceAttrs>();
  std::vector<int64_t> strides = row_major_strides(call.in_types[0].shape);
  int64_t offset = 0;
  for (size_t i = 0; i < strides.size(); ++i) {
    offset += a.start[i] * strides[i];
    strides[i] *= a.strides[i];
  }
  copy_strided(call, offset, strides);
}

void reverse(const Call& call) {
  std::vector<int64_t> strides = row_major_strides(call.in_types[0].shape);
  int64_t offset = 0;
  for (const int axis : call.attrs.as<ReverseAttrs>().axes) {
    int64_t& stride = strides[static_cast<size_t>(axis)];
    offset += (call.in_types[0].shape[axis] - 1) * stride;
    stride = -stride;
  }
  copy_strided(call, offset, strides);
}

void pad(const Call& call) {
  const auto& a = call.attrs.as<PadAttrs>();
  const Shape& from = call.in_types[0].shape;
  const Shape& to = call.out_types[0].shape;
  const std::vector<int64_t> from_strides = row_major_strides(from), to_strides = row_major_strides(to);
  by_size(call.in_types[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* in = input<T>(call, 0);
    T* out = output<T>(call, 0);
    std::fill_n(out, to.size(), *input<T>(call, 1));
    for (int64_t i = 0; i < from.size(); ++i) {
      int64_t position = 0;
      bool kept = true;
      for (size_t d = 0; d < from_strides.size(); ++d) {
        const int64_t index = i / from_strides[d] % from[static_cast<int>(d)];
        const int64_t moved = a.low[d] + index * (a.interior[d] + 1);
        kept = kept && moved >= 0 && moved < to[static_cast<int>(d)];
        position += moved * to_strides[d];
      }
      if (kept) out[position] = in[i];
    }
  });
}

void concatenate(const Call& call) {
  const int axis = call.attrs.as<AxisAttrs>().axis;
  const Type& type = call.out_types[0];
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= type.shape[i];
  if (outer == 0) return;
  auto* out = output<char>(call, 0);
  for (int64_t row = 0; row < outer; ++row)
    for (size_t i = 0; i < call.in.size(); ++i) {
      const int64_t bytes = static_cast<int64_t>(call.in_types[i].bytes()) / outer;
      out = std::copy_n(input<char>(call, i) + row * bytes, bytes, out);
    }
}

}  // namespace

std::span<const Entry> shape_kernels() {
  static constexpr Entry entries[] = {
      {"fill", fill},           {"iota", iota},   {"broadcast_in_dim", broadcast_in_dim},
      {"reshape", reshape},     {"slice", slice}, {"transpose", transpose},
      {"pad", pad},             {"reverse", reverse}, {"concatenate", concatenate},
  };
  return entries;
}

}  // namespace nnx::reference
