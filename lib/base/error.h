// Error is the one exception type of the project: what kind, where, what was expected, what came, what to do.
//
//   fail(ErrorKind::config, {.where = "mlp.yaml:9:5: model.rate", .expected = "a number in [0, 1]", .got = "1.5"});
//   -> "mlp.yaml:9:5: model.rate: expected a number in [0, 1], got 1.5"
//
// The library throws; it never prints and never aborts. A program turns the kind into its exit code with exit_code().
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace nnx {

enum class ErrorKind {
  usage,       // 64: the command line is wrong
  data,        // 65: a data file or a checkpoint is not what it should be
  missing,     // 66: an input file does not exist
  internal,    // 70: a broken invariant of nnx itself
  shape,       // 70: shapes or dtypes that do not fit, in a call of the library
  structure,   // 70: an object graph, State or filter that does not fit
  numeric,     // 70: a non-finite loss, gradient or state
  cannot_create,  // 73: an output cannot be created
  io,          // 74: reading or writing failed
  busy,        // 75: another run holds the directory, or a signal asked to stop
  config,      // 78: the configuration is wrong
};

// The documented exit code of a kind (the numbers of sysexits.h).
int exit_code(ErrorKind kind);

struct ErrorParts {
  std::string where = {};     // file:line:col and key path, op, file, or object path
  std::string message = {};   // a full sentence part; or leave empty and give expected and got
  std::string expected = {};
  std::string got = {};
  std::string hint = {};      // what to do
};

class Error : public std::exception {
 public:
  Error(ErrorKind kind, ErrorParts parts);
  const char* what() const noexcept override { return text_.c_str(); }
  ErrorKind kind() const { return kind_; }
  const ErrorParts& parts() const { return parts_; }

 private:
  ErrorKind kind_;
  ErrorParts parts_;
  std::string text_;
};

[[noreturn]] void fail(ErrorKind kind, ErrorParts parts);

// Throws ErrorKind::internal naming `what` unless `ok`: for invariants of our own, never for bad input.
inline void check(bool ok, const char* what) {
  if (!ok) [[unlikely]] fail(ErrorKind::internal, {.message = what});
}

// The candidate closest to `word` by edit distance, or "" when nothing is near: for "did you mean".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// `text` with control characters and bytes that are not UTF-8 escaped and cut to `limit` bytes: for quoting input in
// messages.
std::string in_quotes(std::string_view text, size_t limit = 80);

}  // namespace nnx
