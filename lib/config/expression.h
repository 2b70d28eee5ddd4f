// The expression inside of ${...}: names and integer arithmetic. Used by interpolate.cpp alone.
//
//   Expression e("2 * (din + model.width)");     e.names() -> din, model.width with their places
//   e.evaluate([](const std::string& name) { return integer_of(name); });
//
// Throws an Error of kind config without a place: who knows the place adds it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nnx {

class Expression {
 public:
  struct Name {
    std::string text;
    size_t begin = 0, end = 0;  // bytes of the expression
  };

  // Checks the syntax. `text` must outlive the Expression.
  explicit Expression(std::string_view text);

  const std::vector<Name>& names() const { return names_; }
  bool is_one_name() const;
  int64_t evaluate(const std::function<int64_t(const std::string& name)>& value) const;

 private:
  struct Token {
    enum class Kind { name, integer, sign, end } kind = Kind::end;
    std::string_view text = {};
  };
  class Run;

  void scan();

  std::string_view text_;
  std::vector<Token> tokens_;
  std::vector<Name> names_;
};

}  // namespace nnx
