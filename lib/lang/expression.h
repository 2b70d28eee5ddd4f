// The language of `call` as a tree: names, calls, arithmetic, indexing, assignments, `for` over lists and `return`.
//
//   const Program program = parse_program("h = gelu(linear1(x))\n"
//                                         "return linear2(h) + x[:, 0:10]");
//
//   program   := statements on lines of their own, or separated by `;`
//   statement := names `=` tuple | `for` name `in` value `:` block | `return` tuple | tuple
//   tuple     := comparison {`,` comparison}
//   value     := numbers, 'text', true, false, none, names, value.name, value(arguments, name=argument), value[indices],
//                (tuple), [list], and the operators  < <= > >= == !=   + -   * / // % @   - (unary)   **  of Python
//
// `#` begins a comment; inside of brackets a line break is a blank. Every node knows the byte where it stands. Limits make
// sure that a tree can be walked by recursion: at most 20 000 words, 200 levels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nnx::lang {

// An Error at byte `at` of a program.
class ProgramError : public Error {
 public:
  ProgramError(ErrorKind kind, ErrorParts parts, size_t at) : Error(kind, std::move(parts)), at(at) {}
  size_t at;
};

struct NameAt {
  std::string name;
  size_t at = 0;
};

struct Expression {
  enum class Form { integer, number, text, truth, none, ellipsis, name, attribute, call, index, slice, negative, binary, tuple };
  Form form = Form::none;
  size_t at = 0;              // its first byte; of a binary operation that of the operator
  int64_t integer = 0;        // of an integer, and of true (1) and false
  double number = 0;
  std::string word = {};      // name, attribute or text; of a binary operation its operator
  // What it is made of: the owner of an attribute; the callee and the arguments of a call; what is indexed and its indices;
  // start, stop and step of a slice (Form::none where left out); the operands.
  std::vector<Expression> parts = {};
  std::vector<NameAt> keywords = {};  // of a call: the names of its last arguments
  int depth = 1;                      // levels of the tree below, this one included
};

struct Statement {
  enum class Form { assign, loop, give };
  Form form = Form::give;
  size_t at = 0;
  std::vector<NameAt> names = {};  // assigned, or the loop's own
  Expression value = {};           // what is assigned, walked or given
  std::vector<Statement> body = {};
};

using Program = std::vector<Statement>;

// Throws ProgramError (ErrorKind::config). A program is at least one statement; the last one gives the result, and only
// a program of a single expression may leave out `return`.
Program parse_program(std::string_view text);
// The same for one expression, which may be a tuple.
Expression parse_expression(std::string_view text);

// Whether `name` can stand for something: letters, digits and _, not beginning with a digit, no word of the language.
bool is_name(std::string_view name);

}  // namespace nnx::lang
