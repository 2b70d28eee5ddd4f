#include "lang/expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/scalar.h"
#include "lang/words.h"

namespace nnx::lang {
namespace {

using detail::Word;
using Form = Expression::Form;

constexpr int max_depth = 200;
constexpr int max_blocks = 16;  // loops inside of loops

[[noreturn]] void syntax_error(size_t at, ErrorParts parts) { throw ProgramError(ErrorKind::config, std::move(parts), at); }

class Parser {
 public:
  explicit Parser(std::string_view text) : words_(detail::split_words(text)) {}

  Program program() {
    if (peek().kind == Word::Kind::end) syntax_error(0, {.message = "the call is empty", .hint = "write what it gives"});
    Program all;
    while (peek().kind != Word::Kind::end) statement(all, 0);
    const bool alone = all.size() == 1 && all[0].form == Statement::Form::give;
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i].form == Statement::Form::give && i + 1 < all.size())
        syntax_error(all[i + 1].at, {.message = "nothing can follow `return`"});
    if (!alone && all.back().form != Statement::Form::give)
      syntax_error(words_.back().at, {.message = "the call gives nothing", .hint = "end with `return` and the result"});
    return all;
  }

  Expression lone_expression() {
    if (peek().kind == Word::Kind::end) syntax_error(0, {.message = "an expression is missing"});
    Expression value = tuple();
    if (peek().kind == Word::Kind::line_end) ++next_;
    if (peek().kind != Word::Kind::end) unexpected("an operator or the end");
    return value;
  }

 private:
  const Word& peek(size_t ahead = 0) const { return words_[std::min(next_ + ahead, words_.size() - 1)]; }
  bool sees(std::string_view symbol) const { return peek().kind == Word::Kind::symbol && peek().text == symbol; }
  bool sees_word(std::string_view word) const { return peek().kind == Word::Kind::name && peek().text == word; }
  Word take() { return words_[next_ + 1 < words_.size() ? next_++ : next_]; }
  bool accept(std::string_view symbol) { return sees(symbol) && (++next_, true); }
  [[noreturn]] void unexpected(std::string expected, std::string hint = "") const {
    syntax_error(peek().at, {.expected = std::move(expected), .got = detail::describe(peek()), .hint = std::move(hint)});
  }
  void expect(std::string_view symbol, const std::string& why) {
    if (!accept(symbol)) unexpected(fmt::format("'{}'{}", symbol, why));
  }

  // A node whose parts are complete: its depth is known and bounded from here on.
  static Expression finished(Expression e) {
    for (const Expression& part : e.parts) e.depth = std::max(e.depth, part.depth + 1);
    if (e.depth > max_depth) syntax_error(e.at, {.message = fmt::format("deeper than {} operations", max_depth), .hint = "assign a part to a name"});
    return e;
  }

  // Guards the recursion of the parser itself, as finished() does that of whoever walks the tree.
  struct Level {
    explicit Level(Parser& p) : parser(p) {
      if (++parser.levels_ > max_depth) syntax_error(p.peek().at, {.message = fmt::format("nesting deeper than {} levels", max_depth)});
    }
    ~Level() { --parser.levels_; }
    Parser& parser;
  };

  // ---- statements

  void statement(Program& out, int blocks) {
    if (peek().kind == Word::Kind::indent) unexpected("a statement", "lines are indented only after `for ...:`");
    out.push_back(sees_word("for") ? loop(blocks) : simple(blocks));
    if (out.back().form == Statement::Form::loop) return;
    while (accept(";"))
      if (peek().kind != Word::Kind::line_end) out.push_back(simple(blocks));
    if (peek().kind != Word::Kind::line_end) unexpected("an operator or the end of the line");
    ++next_;
  }

  Statement simple(int blocks) {
    Statement s{.at = peek().at};
    const bool says_return = sees_word("return");
    if (says_return) ++next_;
    s.value = tuple();
    if (sees("=") && !says_return) {
      s.names = targets(s.value);
      ++next_;
      s.form = Statement::Form::assign;
      s.value = tuple();
    } else if (peek().kind != Word::Kind::line_end && !sees(";")) {
      unexpected("an operator or the end of the line");
    } else if (blocks > 0) {
      syntax_error(s.at, {.message = says_return ? "`return` inside of a loop is not supported" : "this value is not used", .hint = "assign it to a name"});
    } else if (!says_return && (s.at != words_[0].at || peek(1).kind != Word::Kind::end)) {
      syntax_error(s.at, {.message = "this value is not used", .hint = "assign it to a name, or give it with `return`"});
    }
    return s;
  }

  std::vector<NameAt> targets(const Expression& left) const {
    std::vector<NameAt> names;
    const auto add = [&](const Expression& e) {
      if (e.form != Form::name) unexpected_target(e);
      names.push_back({e.word, e.at});
    };
    if (left.form == Form::tuple)
      for (const Expression& part : left.parts) add(part);
    else add(left);
    return names;
  }
  [[noreturn]] static void unexpected_target(const Expression& e) {
    syntax_error(e.at, {.message = "only names can be assigned", .hint = "== compares"});
  }

  Statement loop(int blocks) {
    Statement s{.form = Statement::Form::loop, .at = take().at};
    if (blocks == max_blocks) syntax_error(s.at, {.message = fmt::format("more than {} loops inside of each other", max_blocks)});
    do {
      if (peek().kind != Word::Kind::name || detail::is_keyword(peek().text)) unexpected("a name");
      s.names.push_back({peek().text, peek().at});
      ++next_;
    } while (accept(","));
    if (!sees_word("in")) unexpected("'in'");
    ++next_;
    s.value = tuple();
    expect(":", " after what the loop walks");
    if (peek().kind != Word::Kind::line_end) {  // its body on the same line
      s.body.push_back(simple(blocks + 1));
      while (accept(";"))
        if (peek().kind != Word::Kind::line_end) s.body.push_back(simple(blocks + 1));
      if (peek().kind != Word::Kind::line_end) unexpected("an operator or the end of the line");
      ++next_;
      return s;
    }
    ++next_;
    if (peek().kind != Word::Kind::indent) unexpected("an indented line");
    ++next_;
    while (peek().kind != Word::Kind::dedent && peek().kind != Word::Kind::end) statement(s.body, blocks + 1);
    if (peek().kind == Word::Kind::dedent) ++next_;
    return s;
  }

  // ---- expressions, weakest first

  Expression tuple() {
    Expression first = comparison();
    if (!sees(",")) return first;
    Expression all{.form = Form::tuple, .at = first.at};
    all.parts.push_back(std::move(first));
    while (accept(",")) {
      if (!begins_value()) break;
      all.parts.push_back(comparison());
    }
    return finished(std::move(all));
  }

  bool begins_value() const {
    const Word& w = peek();
    if (w.kind == Word::Kind::symbol) return w.text == "(" || w.text == "[" || w.text == "-" || w.text == "+" || w.text == "...";
    return w.kind == Word::Kind::name || w.kind == Word::Kind::number || w.kind == Word::Kind::text;
  }

  Expression binary(Expression left, Expression (Parser::*right)()) {
    const Word op = take();
    Expression e{.form = Form::binary, .at = op.at, .word = op.text};
    e.parts.push_back(std::move(left));
    e.parts.push_back((this->*right)());
    return finished(std::move(e));
  }
  bool sees_any(std::initializer_list<std::string_view> ops) const {
    return std::ranges::any_of(ops, [&](std::string_view op) { return sees(op); });
  }

  Expression comparison() {
    const Level level(*this);
    Expression left = sum();
    if (!sees_any({"<", "<=", ">", ">=", "==", "!="})) return left;
    left = binary(std::move(left), &Parser::sum);
    if (sees_any({"<", "<=", ">", ">=", "==", "!="})) syntax_error(peek().at, {.message = "comparisons cannot be chained", .hint = "use bitwise_and"});
    return left;
  }
  Expression sum() {
    Expression left = product();
    while (sees_any({"+", "-"})) left = binary(std::move(left), &Parser::product);
    return left;
  }
  Expression product() {
    Expression left = unary();
    while (sees_any({"*", "/", "//", "%", "@"})) left = binary(std::move(left), &Parser::unary);
    return left;
  }
  Expression unary() {
    const Level level(*this);
    if (accept("+")) return unary();
    if (!sees("-")) return power();
    Expression e{.form = Form::negative, .at = take().at};
    e.parts.push_back(unary());
    return finished(std::move(e));
  }
  Expression power() {
    Expression base = postfix();
    return sees("**") ? binary(std::move(base), &Parser::unary) : base;
  }

  Expression postfix() {
    Expression value = atom();
    while (true) {
      if (accept(".")) {
        if (peek().kind != Word::Kind::name) unexpected("the name of an attribute");
        Expression e{.form = Form::attribute, .at = peek().at, .word = peek().text};
        ++next_;
        e.parts.push_back(std::move(value));
        value = finished(std::move(e));
      } else if (sees("(")) {
        value = call(std::move(value));
      } else if (sees("[")) {
        value = index(std::move(value));
      } else {
        return value;
      }
    }
  }

  Expression call(Expression callee) {
    Expression e{.form = Form::call, .at = callee.at};
    ++next_;
    e.parts.push_back(std::move(callee));
    while (!sees(")")) {
      const bool named = peek().kind == Word::Kind::name && peek(1).kind == Word::Kind::symbol && peek(1).text == "=";
      if (named) {
        if (std::ranges::any_of(e.keywords, [&](const NameAt& k) { return k.name == peek().text; }))
          syntax_error(peek().at, {.message = fmt::format("argument {} is given twice", in_quotes(peek().text))});
        e.keywords.push_back({peek().text, peek().at});
        next_ += 2;
      } else if (!e.keywords.empty()) {
        unexpected("name=value: arguments with a name come last");
      }
      e.parts.push_back(comparison());
      if (!accept(",")) break;
    }
    expect(")", " or ',' after an argument");
    return finished(std::move(e));
  }

  Expression index(Expression value) {
    Expression e{.form = Form::index, .at = take().at};
    e.parts.push_back(std::move(value));
    do e.parts.push_back(subscript()); while (accept(",") && !sees("]"));
    expect("]", " or ',' after an index");
    return finished(std::move(e));
  }

  Expression subscript() {
    if (sees("...")) return {.form = Form::ellipsis, .at = take().at};
    Expression e{.form = Form::slice, .at = peek().at, .parts = std::vector<Expression>(3)};
    for (size_t i = 0; i < 3; ++i) {
      if (!sees(":") && !sees(",") && !sees("]")) e.parts[i] = comparison();
      if (i == 2 || !sees(":")) {
        if (i == 0 && e.parts[0].form == Form::none && e.parts[0].word.empty()) unexpected("an index");
        return i == 0 ? std::move(e.parts[0]) : finished(std::move(e));
      }
      ++next_;
    }
    return finished(std::move(e));
  }

  Expression atom() {
    const Word w = peek();
    if (w.kind == Word::Kind::number) return number(take());
    if (w.kind == Word::Kind::text) return {.form = Form::text, .at = w.at, .word = take().text};
    if (w.kind == Word::Kind::name) return word(w);
    if (sees("(")) return group("(", ")");
    if (sees("[")) return group("[", "]");
    unexpected("a value");
  }

  static Expression number(const Word& w) {
    Integer integer;
    const bool digits = w.text.find_first_not_of("0123456789") == std::string::npos;
    if (digits && parse_integer(w.text, integer) == NumberStatus::good && integer.magnitude <= INT64_MAX)
      return {.form = Form::integer, .at = w.at, .integer = static_cast<int64_t>(integer.magnitude)};
    Expression e{.form = Form::number, .at = w.at};
    if (parse_number(w.text, e.number) != NumberStatus::good || digits) syntax_error(w.at, {.expected = "a number", .got = in_quotes(w.text)});
    return e;
  }

  Expression word(const Word& w) {
    if (w.text == "true" || w.text == "True") return ++next_, Expression{.form = Form::truth, .at = w.at, .integer = 1};
    if (w.text == "false" || w.text == "False") return ++next_, Expression{.form = Form::truth, .at = w.at};
    if (w.text == "none" || w.text == "None" || w.text == "null") return ++next_, Expression{.form = Form::none, .at = w.at, .word = w.text};
    if (detail::is_keyword(w.text)) unexpected("a value", "this word is not part of the language or not at this place");
    ++next_;
    return {.form = Form::name, .at = w.at, .word = w.text};
  }

  Expression group(std::string_view open, std::string_view close) {
    const size_t at = take().at;
    if (accept(close)) return {.form = Form::tuple, .at = at};
    Expression inner = tuple();
    expect(close, fmt::format(" to close the '{}'", open));
    if (open == "(" || inner.form == Form::tuple) return inner;
    Expression list{.form = Form::tuple, .at = at};
    list.parts.push_back(std::move(inner));
    return finished(std::move(list));
  }

  std::vector<Word> words_;
  size_t next_ = 0;
  int levels_ = 0;
};

}  // namespace

Program parse_program(std::string_view text) { return Parser(text).program(); }
Expression parse_expression(std::string_view text) { return Parser(text).lone_expression(); }

}  // namespace nnx::lang
