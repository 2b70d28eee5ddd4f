#include "config/scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace nnx {
namespace {


template <class T> NumberStatus parse_float(std::string_view text, T& out) {
  const std::string_view body = text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
  // from_chars takes inf and nan, but no plus sign.
  const bool digits = !body.empty() && (is_digit(body[0]) || (body[0] == '.' && body.size() > 1 && is_digit(body[1])));
  if (!digits) return NumberStatus::not_a_number;
  if (text[0] == '+') text = body;
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return NumberStatus::not_a_number;
  if (error == std::errc::result_out_of_range || !std::isfinite(value)) return NumberStatus::out_of_range;
  out = value;
  return NumberStatus::good;
}

template <class T> std::string format_float(T value) {
  std::array<char, 64> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), result.ptr);
}

}  // namespace

NumberStatus parse_number(std::string_view text, double& out) { return parse_float(text, out); }
NumberStatus parse_number(std::string_view text, float& out) { return parse_float(text, out); }

NumberStatus parse_integer(std::string_view text, Integer& out) {
  std::string_view digits = text;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) digits.remove_prefix(1);
  if (digits.empty()) return NumberStatus::not_a_number;
  const bool minus = text[0] == '-';
  if (std::all_of(digits.begin(), digits.end(), is_digit)) {
    uint64_t magnitude = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude);
    if (error != std::errc{}) return NumberStatus::out_of_range;
    out = {minus && magnitude != 0, magnitude};
    return NumberStatus::good;
  }
  double value = 0;
  const NumberStatus status = parse_number(text, value);
  if (status != NumberStatus::good) return status;
  if (value != std::floor(value)) return NumberStatus::not_a_number;
  // Beyond 2^53 a double no longer holds each integer: what was meant is not certain.
  if (std::abs(value) > 9007199254740992.0) return NumberStatus::out_of_range;
  out = {value < 0, static_cast<uint64_t>(std::abs(value))};
  return NumberStatus::good;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::string format_number(double value) { return format_float(value); }
std::string format_number(float value) { return format_float(value); }

bool needs_quotes(std::string_view text) {
  if (is_null_word(text)) return true;
  // Anything that begins like a number may be one to some reader (0x10, 1_000, 2024-01-01, .5, 12:30).
  const char first = text[0];
  const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '_' || first == '/';
  const bool relative = text.starts_with("./") || text.starts_with("../");
  if (!letter && !relative) return true;
  const auto plain = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.' ||
           c == '/' || c == '+' || c == '@' || c == '=';
  };
  if (!std::all_of(text.begin(), text.end(), plain)) return true;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  static constexpr std::array<std::string_view, 6> words = {"true", "false", "yes", "no", "on", "off"};
  return std::find(words.begin(), words.end(), lower) != words.end();
}

}  // namespace nnx
