// Reference kernels of reductions, cumulative sums and sorting. Sums and products of floats accumulate in double.
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <type_traits>

#include "ops/attrs.h"
#include "reference/loops.h"

namespace nnx::reference {
namespace {

// The accumulator of T: double for floats; u32 for integers, which wrap.
template <class T> using Wide = std::conditional_t<std::is_floating_point_v<T>, double, uint32_t>;

// Where each element of the input goes: strides of the result, 0 along reduced axes.
std::vector<int64_t> result_strides(const Call& call) {
  const std::vector<int64_t> of_result = row_major_strides(call.out_types[0].shape);
  const std::vector<int>& axes = call.attrs.as<ReduceAttrs>().axes;
  std::vector<int64_t> strides(static_cast<size_t>(call.in_types[0].shape.rank()), 0);
  for (size_t i = 0, kept = 0; i < strides.size(); ++i)
    if (std::find(axes.begin(), axes.end(), static_cast<int>(i)) == axes.end()) strides[i] = of_result[kept++];
  return strides;
}

// out = f(...f(f(start, x0), x1)..., xn), accumulated in Acc.
template <class T, class Acc, class F>
void fold(const Call& call, Acc start, F f) {
  const T* x = input<T>(call, 0);
  T* y = output<T>(call, 0);
  std::vector<Acc> totals(static_cast<size_t>(call.out_types[0].size()), start);
  walk(call.in_types[0].shape, result_strides(call), [&](int64_t i, int64_t to) {
    Acc& total = totals[static_cast<size_t>(to)];
    total = static_cast<Acc>(f(total, static_cast<Acc>(x[i])));
  });
  for (size_t i = 0; i < totals.size(); ++i) y[i] = static_cast<T>(totals[i]);
}

template <class F>
void by_number(const Call& call, F f) {
  by_dtype<float, double, int32_t, uint32_t>(call.in_types[0].dtype, f);
}

void reduce_sum(const Call& call) {
  by_number(call, [&](auto zero) {
    using T = decltype(zero);
    fold<T, Wide<T>>(call, 0, std::plus<>{});
  });
}

void reduce_prod(const Call& call) {
  by_number(call, [&](auto zero) {
    using T = decltype(zero);
    fold<T, Wide<T>>(call, 1, std::multiplies<>{});
  });
}

// NaN wins; infer lets no empty extent through, so that the start is never a result of its own.
void reduce_max(const Call& call) {
  by_number(call, [&](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    const T least = Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
    fold<T, T>(call, least, [](T a, T b) { return b > a || b != b ? b : a; });
  });
}

void reduce_min(const Call& call) {
  by_number(call, [&](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    const T most = Limits::has_infinity ? Limits::infinity() : Limits::max();
    fold<T, T>(call, most, [](T a, T b) { return b < a || b != b ? b : a; });
  });
}

// A byte an element, because a vector of bool is none.
void reduce_and(const Call& call) { fold<bool, uint8_t>(call, 1, std::bit_and<>{}); }
void reduce_or(const Call& call) { fold<bool, uint8_t>(call, 0, std::bit_or<>{}); }

// The first of the best elements; the first NaN beats all.
template <class Better>
void arg_best(const Call& call, Better better) {
  const int axis = call.attrs.as<AxisAttrs>().axis;
  by_number(call, [&](auto zero) {
    const auto* x = input<decltype(zero)>(call, 0);
    int32_t* y = output<int32_t>(call, 0);
    for_each_line(call.in_types[0].shape, axis, [&](int64_t first, int64_t n, int64_t stride) {
      int64_t best = 0;
      for (int64_t i = 1; i < n; ++i) {
        const auto candidate = x[first + i * stride], current = x[first + best * stride];
        if (current == current && (better(candidate, current) || candidate != candidate)) best = i;
      }
      *y++ = static_cast<int32_t>(best);   // lines come in the order of the results
    });
  });
}

void argmax(const Call& call) { arg_best(call, std::greater<>{}); }
void argmin(const Call& call) { arg_best(call, std::less<>{}); }

void cumsum(const Call& call) {
  const auto& attrs = call.attrs.as<CumsumAttrs>();
  by_number(call, [&](auto zero) {
    using T = decltype(zero);
    const T* x = input<T>(call, 0);
    T* y = output<T>(call, 0);
    for_each_line(call.in_types[0].shape, attrs.axis, [&](int64_t first, int64_t n, int64_t stride) {
      Wide<T> total = 0;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t at = first + (attrs.reverse ? n - 1 - i : i) * stride;
        total += static_cast<Wide<T>>(x[at]);
        y[at] = static_cast<T>(total);
      }
    });
  });
}

// Ascending with NaN last; equal keys keep their order.
std::vector<int64_t> stable_order(const Call& call, int64_t first, int64_t n, int64_t stride) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  by_number(call, [&](auto zero) {
    const auto* x = input<decltype(zero)>(call, 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      const auto a = x[first + i * stride], b = x[first + j * stride];
      return b != b ? a == a : a < b;
    });
  });
  return order;
}

void sort(const Call& call) {
  for_each_line(call.in_types[0].shape, call.attrs.as<AxisAttrs>().axis, [&](int64_t first, int64_t n, int64_t stride) {
    const std::vector<int64_t> order = stable_order(call, first, n, stride);
    for (size_t k = 0; k < call.in.size(); ++k)
      by_dtype<float, double, int32_t, uint32_t, bool>(call.in_types[k].dtype, [&](auto zero) {
        using T = decltype(zero);
        for (int64_t i = 0; i < n; ++i)
          output<T>(call, k)[first + i * stride] = input<T>(call, k)[first + order[static_cast<size_t>(i)] * stride];
      });
  });
}

constexpr Entry reduce_entries[] = {
    {"reduce_sum", reduce_sum}, {"reduce_prod", reduce_prod}, {"reduce_max", reduce_max}, {"reduce_min", reduce_min},
    {"reduce_and", reduce_and}, {"reduce_or", reduce_or},     {"argmax", argmax},         {"argmin", argmin},
    {"cumsum", cumsum},         {"sort", sort},
};

}  // namespace

std::span<const Entry> reduce_kernels() { return reduce_entries; }

}  // namespace nnx::reference
