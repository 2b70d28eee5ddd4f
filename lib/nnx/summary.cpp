#include "nnx/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace nnx {
namespace {

template <class T> ArraySummary summarize_span(std::span<const T> values) {
  ArraySummary s{.elements = static_cast<int64_t>(values.size())};
  int64_t finite = 0;
  double sum = 0, squares = 0;
  for (const T value : values) {
    const auto v = static_cast<double>(value);
    if (!std::isfinite(v)) continue;
    s.min = finite ? std::min(s.min, v) : v;
    s.max = finite ? std::max(s.max, v) : v;
    sum += v;
    ++finite;
  }
  s.non_finite = s.elements - finite;
  if (finite == 0) return s;
  s.mean = sum / static_cast<double>(finite);
  for (const T value : values) {
    const auto v = static_cast<double>(value);
    if (std::isfinite(v)) squares += (v - s.mean) * (v - s.mean);
  }
  s.std = std::sqrt(squares / static_cast<double>(finite));
  return s;
}

template <class T> std::string list_text(std::span<const T> values) {
  std::string text;
  for (const T v : values) {
    if (!text.empty()) text += ", ";
    if constexpr (is_floating(dtype_of<T>)) text += fmt::format("{:.4g}", static_cast<double>(v));
    else text += fmt::format("{}", v);
  }
  return "[" + text + "]";
}

auto with_values(const Array& array, auto&& f) {
  switch (array.dtype()) {
    case DType::f32: return f(array.data<float>());
    case DType::f64: return f(array.data<double>());
    case DType::i32: return f(array.data<int32_t>());
    case DType::u32: return f(array.data<uint32_t>());
    case DType::boolean: return f(array.data<bool>());
    case DType::bf16: return f(array.data<bf16>());
  }
  fail(ErrorKind::internal, {.message = "an Array of an unknown dtype was summarised"});
}

}  // namespace

std::string ArraySummary::to_string() const {
  if (elements == 0) return "empty";
  std::string text;
  if (non_finite < elements) text = fmt::format("mean {:.3g} std {:.3g} min {:.3g} max {:.3g}", mean, std, min, max);
  if (non_finite) text += fmt::format("{}{} NON-FINITE", text.empty() ? "" : ", ", grouped(non_finite));
  return text;
}

ArraySummary summarize(const Array& array) {
  return with_values(array, [](auto values) { return summarize_span(values); });
}

std::string describe_values(const Array& array) {
  constexpr int64_t most = 6;
  if (array.size() == 0 || array.size() > most) return summarize(array).to_string();
  return with_values(array, [](auto values) { return list_text(values); });
}

void for_each_value(const Array& array, const std::function<void(double)>& f) {
  with_values(array, [&](auto values) {
    for (const auto v : values) f(static_cast<double>(v));
  });
}

std::string value_text(double value, DType dtype) {
  return dtype == DType::f32 ? fmt::format("{}", static_cast<float>(value)) : fmt::format("{}", value);
}

std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  const auto first_digit = static_cast<std::ptrdiff_t>(number < 0);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > first_digit; at -= 3)
    text.insert(static_cast<size_t>(at), 1, ',');
  return text;
}

std::string byte_text(size_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (b > 1e9) return fmt::format("{:.1f} GB", b / 1e9);
  if (b > 1e6) return fmt::format("{:.1f} MB", b / 1e6);
  if (b > 1e3) return fmt::format("{:.1f} KB", b / 1e3);
  return fmt::format("{} B", bytes);
}

}  // namespace nnx
