// What an unquoted scalar means, and how a value is written as one; independent of the locale.
//
// Numbers are decimal and finite: `010` is ten, `1e3` is a whole number, `0x10`, `1_000`, `.nan` and `1e999` are none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nnx {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Integer {
  bool negative = false;  // never with magnitude 0
  uint64_t magnitude = 0;
};

enum class NumberStatus { good, not_a_number, out_of_range };

NumberStatus parse_number(std::string_view text, double& out);
NumberStatus parse_number(std::string_view text, float& out);
// Digits with an optional sign up to 64 bits, or a float that is whole and at most 2^53.
NumberStatus parse_integer(std::string_view text, Integer& out);
std::optional<bool> parse_bool(std::string_view text);  // true, false
bool is_null_word(std::string_view text);               // null, Null, NULL, ~ or nothing

// The shortest text that reads back to the same value.
std::string format_number(double value);
std::string format_number(float value);

// Unquoted, the text would mean something else than a string to some YAML reader, or nothing at all.
bool needs_quotes(std::string_view text);

}  // namespace nnx
