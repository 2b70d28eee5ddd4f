#include "lang/expression.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace nnx;
using namespace nnx::lang;

namespace {

// A tree in prefix notation, so that precedence shows.
std::string shown(const Expression& e) {
  using Form = Expression::Form;
  const auto parts = [&](std::string text) {
    for (const Expression& part : e.parts) text += " " + shown(part);
    return "(" + text + ")";
  };
  switch (e.form) {
    case Form::integer: return std::to_string(e.integer);
    case Form::number: return fmt::format("{}", e.number);
    case Form::text: return "'" + e.word + "'";
    case Form::truth: return e.integer ? "true" : "false";
    case Form::none: return "none";
    case Form::ellipsis: return "...";
    case Form::name: return e.word;
    case Form::attribute: return shown(e.parts[0]) + "." + e.word;
    case Form::call: {
      std::string text = "call";
      for (const NameAt& k : e.keywords) text += " " + k.name + "=";
      return parts(text);
    }
    case Form::index: return parts("index");
    case Form::slice: return parts(":");
    case Form::negative: return parts("neg");
    case Form::binary: return parts(e.word);
    case Form::tuple: return parts(",");
  }
  return "";
}
std::string expression(std::string_view text) { return shown(parse_expression(text)); }

std::string syntax_error_of(std::string_view text) {
  try {
    parse_program(text);
    return "good";
  } catch (const ProgramError& e) { return fmt::format("{}: {}", e.at, e.what()); }
}

std::string repeat(const std::string& part, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += part;
  return out;
}

}  // namespace

TEST_CASE("operators bind as in Python") {
  CHECK(expression("a + b * c - d") == "(- (+ a (* b c)) d)");
  CHECK(expression("-a ** 2 @ b") == "(@ (neg (** a 2)) b)");
  CHECK(expression("2 ** -1 ** x") == "(** 2 (neg (** 1 x)))");
  CHECK(expression("a / b // c % d") == "(% (// (/ a b) c) d)");
  CHECK(expression("a + 1 < b * 2") == "(< (+ a 1) (* b 2))");
  CHECK(expression("(a + b) * c") == "(* (+ a b) c)");
  CHECK(expression("1e-3, .5, 'f32', true, none") == "(, 0.001 0.5 'f32' true none)");
  CHECK(expression("(a,), (), [b]") == "(, (, a) (,) (, b))");
}

TEST_CASE("calls, attributes and indices") {
  CHECK(expression("encoder.linear1(gelu(x), deterministic=true).T") == "(call deterministic= encoder.linear1 (call gelu x) true).T");
  CHECK(expression("x[:, 1:3, ::2, -1, ..., none]") == "(index x (: none none none) (: 1 3 none) (: none none 2) (neg 1) ... none)");
  CHECK(expression("layers[0](x)[1]") == "(index (call (index layers 0) x) 1)");
  CHECK(expression("concatenate([a,\n  b], axis=-1)") == "(call axis= concatenate (, a b) (neg 1))");
}

TEST_CASE("programs are lines of assignments, loops and a return") {
  const Program p = parse_program(
      "\n"
      "  a, b = split(x, 2, 1)  # halves\n"
      "  for layer in layers:\n"
      "    a = layer(a)\n"
      "\n"
      "    b = b + a\n"
      "  for f in fs: a = f(a); b = a\n"
      "  c = a @ b; return c, b\n");
  REQUIRE(p.size() == 5);
  CHECK(p[0].names[1].name == "b");
  CHECK(p[1].form == Statement::Form::loop);
  CHECK(p[1].body.size() == 2);
  CHECK(p[2].body.size() == 2);
  CHECK(p[4].form == Statement::Form::give);
  CHECK(shown(p[4].value) == "(, c b)");
  CHECK(parse_program("linear2(gelu(linear1(x)))").size() == 1);
}

TEST_CASE("what is no program says where and what was expected") {
  CHECK(syntax_error_of("") == "0: the call is empty; write what it gives");
  CHECK(syntax_error_of("  # nothing\n") == "0: the call is empty; write what it gives");
  CHECK(syntax_error_of("f(x") == "3: expected ')' or ',' after an argument, got the end of the line");
  CHECK(syntax_error_of("(x + 1") == "6: expected ')' to close the '(', got the end of the line");
  CHECK(syntax_error_of("x +") == "3: expected a value, got the end of the line");
  CHECK(syntax_error_of("x y") == "2: expected an operator or the end of the line, got 'y'");
  CHECK(syntax_error_of("f(x)\ny = 2") == "0: this value is not used; assign it to a name, or give it with `return`");
  CHECK(syntax_error_of("y = 2") == "5: the call gives nothing; end with `return` and the result");
  CHECK(syntax_error_of("return x\ny = 2") == "9: nothing can follow `return`");
  CHECK(syntax_error_of("f(x) = 2") == "0: only names can be assigned; == compares");
  CHECK(syntax_error_of("f(a=1, b)") == "7: expected name=value: arguments with a name come last, got 'b'");
  CHECK(syntax_error_of("f(a=1, a=2)") == "7: argument 'a' is given twice");
  CHECK(syntax_error_of("x ? y") == "2: nothing begins with the character '?'");
  CHECK(syntax_error_of("x \xc3\xa4") == "2: nothing begins with the character '\xc3\xa4'");
  CHECK(syntax_error_of("1x") == "0: expected a number, got '1x'");
  CHECK(syntax_error_of("a < b < c") == "6: comparisons cannot be chained; use bitwise_and");
  CHECK(syntax_error_of("if x: y") == "0: expected a value, got 'if'; this word is not part of the language or not at this place");
  CHECK(syntax_error_of("x = 1\n  return x") == "8: expected a statement, got an indented line; lines are indented only after `for ...:`");
  CHECK(syntax_error_of("  x = 1\nreturn x") == "8: the line begins left of those before it");
  CHECK(syntax_error_of("for a in b:\n    a = 1\n  return a") == "24: the indentation is that of no line before");
  CHECK(syntax_error_of("for a in b:\n  return a") == "14: `return` inside of a loop is not supported; assign it to a name");
  CHECK(syntax_error_of("'abc") == "0: the quoted text that begins here is never closed");
  CHECK(syntax_error_of("x[]") == "2: expected an index, got ']'");
}

TEST_CASE("hostile programs are refused by their size") {
  CHECK(syntax_error_of(repeat("(", 5000) + "x") == "100: nesting deeper than 200 levels");
  CHECK(syntax_error_of(repeat("-", 5000) + "x") == "199: nesting deeper than 200 levels");
  CHECK(syntax_error_of(repeat("f(", 5000)) == "200: nesting deeper than 200 levels");
  CHECK(syntax_error_of(repeat("x[", 5000)).ends_with("nesting deeper than 200 levels"));
  CHECK(syntax_error_of("x" + repeat(" + x", 5000)).ends_with("deeper than 200 operations; assign a part to a name"));
  CHECK(syntax_error_of("x" + repeat(".T", 5000)).ends_with("deeper than 200 operations; assign a part to a name"));
  CHECK(syntax_error_of("2" + repeat("**2", 5000)).find("200") != std::string::npos);
  CHECK(syntax_error_of(repeat("x ", 100'000)).ends_with("more than 20000 words"));
  CHECK(syntax_error_of("f(" + repeat("x,", 100'000) + ")").ends_with("more than 20000 words"));
  std::string loops;
  for (int i = 0; i < 100; ++i) loops += repeat(" ", static_cast<size_t>(i)) + "for a in b:\n";
  CHECK(syntax_error_of(loops).ends_with("more than 16 loops inside of each other"));
}

TEST_CASE("random words never do more than fail") {
  const std::vector<std::string> words{"x", "f", "(", ")", "[", "]", ",", ":", ".", "+", "-", "**", "=", "for", "in", "return", "\n", "  ", "1", "2.5", "'a'", ";", "..."};
  uint64_t state = 7;
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int n = 0; n < 1 + i % 12; ++n) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text += words[(state >> 33) % words.size()] + " ";
    }
    good += syntax_error_of(text) == "good";
  }
  CHECK(good > 0);
}
