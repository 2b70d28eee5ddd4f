#include "nnx/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace nnx {
namespace {

template <class T>
ArraySummary summarize_span(std::span<const T> values) {
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

}  // namespace

std::string ArraySummary::to_string() const {
  if (elements == 0) return "empty";
  std::string text;
  if (non_finite < elements) text = fmt::format("mean {:.3g} std {:.3g} min {:.3g} max {:.3g}", mean, std, min, max);
  if (non_finite) text += fmt::format("{}{} NON-FINITE", text.empty() ? "" : ", ", grouped(non_finite));
  return text;
}

ArraySummary summarize(const Array& array) {
  switch (array.dtype()) {
    case DType::f32: return summarize_span(array.data<float>());
    case DType::f64: return summarize_span(array.data<double>());
    case DType::i32: return summarize_span(array.data<int32_t>());
    case DType::u32: return summarize_span(array.data<uint32_t>());
    case DType::boolean: return summarize_span(array.data<bool>());
  }
  fail(ErrorKind::internal, {.message = "an Array of an unknown dtype was summarised"});
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
