#include "lang/operators.h"

#include <fmt/format.h>

#include <cmath>

#include "ops/ops.h"

namespace nnx::lang {
namespace {

std::optional<double> number_of(const CallValue& v) {
  if (const auto* n = std::get_if<int64_t>(&v.value)) return static_cast<double>(*n);
  if (const auto* n = std::get_if<double>(&v.value)) return *n;
  return std::nullopt;
}

[[noreturn]] void refuse(std::string_view op, const CallValue& a, const CallValue& b) {
  fail(ErrorKind::structure, {.where = fmt::format("'{}'", op), .expected = "Arrays or numbers", .got = a.kind() + " and " + b.kind()});
}

CallValue of_arrays(std::string_view op, const Array& a, const Array& b) {
  if (op == "+") return add(a, b);
  if (op == "-") return sub(a, b);
  if (op == "*") return mul(a, b);
  if (op == "/") return div(a, b);
  if (op == "**") return pow(a, b);
  if (op == "@") return matmul(a, b);
  if (op == "<") return less(a, b);
  if (op == "<=") return less_equal(a, b);
  if (op == ">") return greater(a, b);
  if (op == ">=") return greater_equal(a, b);
  if (op == "==") return equal(a, b);
  if (op == "!=") return not_equal(a, b);
  refuse(op, a, b);
}

CallValue of_array_and_number(std::string_view op, const Array& a, double b) {
  if (op == "+") return add(a, b);
  if (op == "-") return sub(a, b);
  if (op == "*") return mul(a, b);
  if (op == "/") return div(a, b);
  if (op == "**") return pow(a, b);
  if (op == "<") return less(a, b);
  if (op == "<=") return less_equal(a, b);
  if (op == ">") return greater(a, b);
  if (op == ">=") return greater_equal(a, b);
  if (op == "==") return equal(a, b);
  return of_arrays(op, a, full({}, b, a.dtype()));
}

CallValue of_number_and_array(std::string_view op, double a, const Array& b) {
  if (op == "+") return add(b, a);
  if (op == "-") return sub(a, b);
  if (op == "*") return mul(b, a);
  if (op == "/") return div(a, b);
  return of_arrays(op, full({}, a, b.dtype()), b);
}

CallValue of_integers(std::string_view op, int64_t a, int64_t b) {
  int64_t out = 0;
  const auto checked = [&](bool overflow) -> CallValue {
    if (overflow) fail(ErrorKind::structure, {.where = fmt::format("'{}'", op), .message = "the integers are too large"});
    return out;
  };
  if (op == "+") return checked(__builtin_add_overflow(a, b, &out));
  if (op == "-") return checked(__builtin_sub_overflow(a, b, &out));
  if (op == "*") return checked(__builtin_mul_overflow(a, b, &out));
  if (op == "//" || op == "%") {
    if (b == 0 || (a == INT64_MIN && b == -1)) fail(ErrorKind::structure, {.where = fmt::format("'{}'", op), .message = "division by zero"});
    const int64_t quotient = a / b - (a % b != 0 && (a < 0) != (b < 0));  // rounds down
    return op == "//" ? quotient : a - quotient * b;
  }
  return {};
}

CallValue of_numbers(std::string_view op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "/") return a / b;
  if (op == "**") return std::pow(a, b);
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  if (op == ">=") return a >= b;
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  refuse(op, a, b);
}

}  // namespace

CallValue apply_operator(std::string_view op, const CallValue& a, const CallValue& b) {
  const Array* x = std::get_if<Array>(&a.value);
  const Array* y = std::get_if<Array>(&b.value);
  const std::optional<double> m = number_of(a), n = number_of(b);
  if (x && y) return of_arrays(op, *x, *y);
  if (x && n) return of_array_and_number(op, *x, *n);
  if (m && y) return of_number_and_array(op, *m, *y);
  if (!m || !n) refuse(op, a, b);
  const auto* i = std::get_if<int64_t>(&a.value);
  const auto* j = std::get_if<int64_t>(&b.value);
  if (i && j)
    if (CallValue exact = of_integers(op, *i, *j); !exact.empty()) return exact;
  return of_numbers(op, *m, *n);
}

CallValue negated(const CallValue& x) {
  if (const auto* a = std::get_if<Array>(&x.value)) return negative(*a);
  if (const auto* n = std::get_if<int64_t>(&x.value)) return of_integers("-", 0, *n);
  if (const auto* n = std::get_if<double>(&x.value)) return -*n;
  fail(ErrorKind::structure, {.where = "'-'", .expected = "an Array or a number", .got = x.kind()});
}

}  // namespace nnx::lang
