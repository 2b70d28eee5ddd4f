#include "config/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "config/scalar.h"

namespace nnx {
namespace {

constexpr size_t max_tokens = 1000;
constexpr int max_nesting = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

[[noreturn]] void refuse(std::string message, std::string hint = "") {
  fail(ErrorKind::config, {.message = std::move(message), .hint = std::move(hint)});
}

// The bytes of `text` that a name such as a.b[0].3.c takes.
size_t name_length(std::string_view text) {
  const auto word = [&](size_t i) {
    while (i < text.size() && (is_letter(text[i]) || is_digit(text[i]))) ++i;
    return i;
  };
  size_t end = word(0);
  while (end < text.size()) {
    const size_t next = word(end + 1);
    if (text[end] == '.' && next > end + 1) end = next;
    else if (text[end] == '[' && next > end + 1 && next < text.size() && text[next] == ']') end = next + 1;
    else break;
  }
  return end;
}

}  // namespace

// Evaluates by recursive descent. The syntax is checked by an evaluation in which every name is 1, which forgives what
// only the values decide.
class Expression::Run {
 public:
  Run(const std::vector<Token>& tokens, const std::function<int64_t(const std::string&)>* value)
      : tokens_(tokens), value_(value) {}

  int64_t all() {
    const int64_t result = sum();
    if (peek().kind != Token::Kind::end) unexpected("an operator or the end");
    return result;
  }

 private:
  const Token& peek() const { return tokens_[at_]; }
  bool take(std::string_view sign) {
    if (peek().kind != Token::Kind::sign || peek().text != sign) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void unexpected(const char* expected) const {
    const bool end = peek().kind == Token::Kind::end;
    fail(ErrorKind::config, {.expected = expected, .got = end ? "the end" : in_quotes(peek().text)});
  }

  int64_t sum() {
    int64_t left = product();
    for (;;) {
      if (take("+")) left = checked(left, '+', product());
      else if (take("-")) left = checked(left, '-', product());
      else return left;
    }
  }

  int64_t product() {
    int64_t left = unary();
    for (;;) {
      if (take("*")) left = checked(left, '*', unary());
      else if (take("//")) left = quotient(left, unary()).first;
      else if (take("%")) left = quotient(left, unary()).second;
      else if (take("/")) left = exact(left, unary());
      else return left;
    }
  }

  int64_t unary() {
    if (++nesting_ > max_nesting) refuse(fmt::format("an expression nested deeper than {} levels", max_nesting));
    int64_t result = 0;
    if (take("-")) {
      result = checked(0, '-', unary());
    } else if (take("(")) {
      result = sum();
      if (!take(")")) unexpected("')'");
    } else if (peek().kind == Token::Kind::name) {
      const std::string name(tokens_[at_++].text);
      result = value_ ? (*value_)(name) : 1;
    } else if (peek().kind == Token::Kind::integer) {
      const std::string_view digits = tokens_[at_++].text;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
      if (error != std::errc{}) refuse(fmt::format("{} does not fit in 64 bits", in_quotes(digits)));
    } else {
      unexpected("a name or an integer");
    }
    --nesting_;
    return result;
  }

  int64_t checked(int64_t a, char sign, int64_t b) const {
    int64_t result = 0;
    const bool over = sign == '+'   ? __builtin_add_overflow(a, b, &result)
                      : sign == '-' ? __builtin_sub_overflow(a, b, &result)
                                    : __builtin_mul_overflow(a, b, &result);
    if (over && value_) refuse(fmt::format("{} {} {} does not fit in 64 bits", a, sign, b));
    return over ? 1 : result;
  }

  // Rounded down, and what is left, which has the sign of b.
  std::pair<int64_t, int64_t> quotient(int64_t a, int64_t b) const {
    if (!value_) return {1, 1};
    if (b == 0) refuse(fmt::format("{} is divided by zero", a));
    if (b == -1) return {checked(0, '-', a), 0};
    const int64_t q = a / b, r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? std::pair(q - 1, r + b) : std::pair(q, r);
  }
  int64_t exact(int64_t a, int64_t b) const {
    const auto [q, r] = quotient(a, b);
    if (r != 0 && value_) refuse(fmt::format("{} / {} leaves a remainder", a, b), "// rounds down");
    return q;
  }

  const std::vector<Token>& tokens_;
  const std::function<int64_t(const std::string&)>* value_;
  size_t at_ = 0;
  int nesting_ = 0;
};

Expression::Expression(std::string_view text) : text_(text) {
  scan();
  Run(tokens_, nullptr).all();
}

void Expression::scan() {
  for (size_t i = 0; i < text_.size();) {
    const std::string_view rest = text_.substr(i);
    Token token{Token::Kind::sign, rest.substr(0, 1)};
    if (rest[0] == ' ') {
      ++i;
      continue;
    }
    if (is_letter(rest[0])) {
      token = {Token::Kind::name, rest.substr(0, name_length(rest))};
      names_.push_back({std::string(token.text), i, i + token.text.size()});
    } else if (is_digit(rest[0])) {
      const auto end = std::find_if_not(rest.begin(), rest.end(), is_digit);
      token = {Token::Kind::integer, rest.substr(0, static_cast<size_t>(end - rest.begin()))};
    } else if (rest.starts_with("//")) {
      token.text = rest.substr(0, 2);
    } else if (std::string_view("+-*/%()").find(rest[0]) == std::string_view::npos) {
      fail(ErrorKind::config, {.expected = "names, integers and + - * / // % ( )", .got = in_quotes(rest.substr(0, 1))});
    }
    tokens_.push_back(token);
    i += token.text.size();
    if (tokens_.size() > max_tokens) refuse("the expression is too long");
  }
  tokens_.push_back({});
}

bool Expression::is_one_name() const { return tokens_.size() == 2 && names_.size() == 1; }

int64_t Expression::evaluate(const std::function<int64_t(const std::string&)>& value) const {
  return Run(tokens_, &value).all();
}

}  // namespace nnx
