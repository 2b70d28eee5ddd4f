// Reference kernels of gather and scatter_add: loops over the parts B, pre, I and post of attrs.h.
#include <algorithm>

#include "ops/attrs.h"
#include "reference/loops.h"

namespace nnx::reference {
namespace {

struct Parts {
  int64_t batch = 1, pre = 1, n = 1, count = 1, post = 1;   // products of the dimensions of each part
};

Parts parts_of(const Type& x, const Type& indices, const GatherAttrs& a) {
  Parts p;
  for (int i = 0; i < a.batch_dims; ++i) p.batch *= x.shape[i];
  for (int i = a.batch_dims; i < a.axis; ++i) p.pre *= x.shape[i];
  p.n = x.shape[a.axis];
  for (int i = a.axis + 1; i < x.shape.rank(); ++i) p.post *= x.shape[i];
  for (int i = a.batch_dims; i < indices.shape.rank(); ++i) p.count *= indices.shape[i];
  return p;
}

// Index i, negative ones counted from the end.
int64_t index_at(const Type& type, const void* indices, int64_t i, int64_t n) {
  if (type.dtype == DType::u32) return static_cast<const uint32_t*>(indices)[i];
  const int64_t index = static_cast<const int32_t*>(indices)[i];
  return index < 0 ? index + n : index;
}

// Calls f(row of x, row of the gathered array) for each row of `post` elements; `read` turns an index into a position,
// or into -1 to leave it out.
template <class Read, class F>
void for_rows(const Call& call, Read&& read, F&& f) {
  const Parts p = parts_of(call.in_types[0], call.in_types[1], call.attrs.as<GatherAttrs>());
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t i = 0; i < p.pre; ++i)
      for (int64_t k = 0; k < p.count; ++k) {
        const int64_t position = read(index_at(call.in_types[1], call.in[1], b * p.count + k, p.n), p.n);
        const int64_t outer = b * p.pre + i;
        if (position >= 0) f((outer * p.n + position) * p.post, (outer * p.count + k) * p.post, p.post);
      }
}

void gather(const Call& call) {
  const auto clamp = [](int64_t index, int64_t n) { return std::clamp<int64_t>(index, 0, n - 1); };
  const auto bytes = static_cast<int64_t>(size_of(call.in_types[0].dtype));
  if (call.out_types[0].size() == 0) return;
  for_rows(call, clamp, [&](int64_t from, int64_t to, int64_t count) {
    std::copy_n(input<char>(call, 0) + from * bytes, count * bytes,
                output<char>(call, 0) + to * bytes);
  });
}

template <class T>
void scatter_add_typed(const Call& call) {
  const auto drop = [](int64_t index, int64_t n) { return index < n ? index : -1; };
  T* out = output<T>(call, 0);
  const T* updates = input<T>(call, 2);
  std::copy_n(input<T>(call, 0), call.in_types[0].size(), out);
  for_rows(call, drop, [&](int64_t to, int64_t from, int64_t count) {
    for (int64_t j = 0; j < count; ++j) out[to + j] += updates[from + j];
  });
}

void scatter_add(const Call& call) {
  // Integers wrap: i32 as u32, whose sums modulo 2^32 are the same bits.
  const DType dtype = call.in_types[0].dtype;
  by_dtype<float, double, uint32_t>(dtype == DType::i32 ? DType::u32 : dtype,
                                    [&](auto zero) { scatter_add_typed<decltype(zero)>(call); });
}

}  // namespace

std::span<const Entry> index_kernels() {
  static constexpr Entry entries[] = {{"gather", gather}, {"scatter_add", scatter_add}};
  return entries;
}

}  // namespace nnx::reference
