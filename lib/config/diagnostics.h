// Diagnostics collects all errors of a configuration, so that one run reports them together, and the values that were
// read, so that the run can write down exactly what it used.
//
// Invariants: reading and building report here and go on; throw_if_any() ends the phase. Errors are printed in the
// order of the file, those of arguments last, one a line, the first 20 of them. What a path resolved to is recorded once: the last reading wins.
//
//   Diagnostics diagnostics;
//   auto config = read<TrainConfig>(root, diagnostics);
//   diagnostics.attempt([&] { model = layers().build(config.model, diagnostics, rngs); });
//   diagnostics.attempt([&] { loss = losses().build(config.loss, diagnostics); });
//   diagnostics.throw_if_any();
//   std::string echo = write_yaml(diagnostics.resolved());
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/node.h"

namespace nnx {

// Thrown when a configuration does not hold; what it says is already in the Diagnostics. ErrorKind::config, or usage
// when every error was made on the command line.
class ConfigError : public Error {
 public:
  using Error::Error;
};

class Diagnostics {
 public:
  // Reports an error at `node`: `parts.where` is filled in with its origin and key path.
  void report(const ConfigNode& node, ErrorParts parts);
  // The same at the place of a key. `kind` is config or usage.
  void report(const Origin& origin, const std::string& path, ErrorParts parts, ErrorKind kind = ErrorKind::config);

  // What an Error says of a place it names itself.
  void report(const Origin& origin, const Error& error);

  // The value at `path` could not be composed, which was reported: later reports there or below are not printed.
  void mark_broken(const KeyPath& path) { broken_.insert(path.text()); }
  // Notes that a key was written for a component of another type and is not read.
  void drop(const Origin& origin, const KeyPath& path);
  ConfigNode without_dropped(const ConfigNode& root) const;
  // What is no error but may surprise, such as a dropped key; for the program to print.
  const std::vector<std::string>& notes() const { return notes_; }

  size_t count() const { return count_; }
  bool ok() const { return count_ == 0; }
  // Throws one ConfigError with all errors, sorted by position, unless there are none.
  void throw_if_any() const;

  // Runs f(); a ConfigError, which is already recorded, is held back so that the caller goes on to its next part.
  // Returns whether f() ran to its end. Other errors pass.
  template <class F> bool attempt(F&& f) {
    try {
      f();
      return true;
    } catch (const ConfigError&) { return false; }
  }

  // While one lives nothing is recorded, and an error that is there already is not repeated: for parts of a config that
  // are read several times, each time with other values in them.
  class Unrecorded {
   public:
    explicit Unrecorded(Diagnostics& diagnostics) : diagnostics_(diagnostics) { ++diagnostics_.unrecorded_; }
    ~Unrecorded() { --diagnostics_.unrecorded_; }
    Unrecorded(const Unrecorded&) = delete;
    Unrecorded& operator=(const Unrecorded&) = delete;

   private:
    Diagnostics& diagnostics_;
  };

  // Records what the value at node.path() was read as, defaults included.
  void resolve(const ConfigNode& node);
  // All that was read, from the root down: parts that nobody read yet (or that have no defaults) stand as written.
  ConfigNode resolved() const;

 private:
  struct Item {
    std::string source;
    int line, column;
    bool argument;
    ErrorKind kind;
    std::string text;
  };
  ConfigNode expand(const ConfigNode& node) const;
  void add(const Origin& origin, ErrorKind kind, std::string text);
  bool is_broken(const std::string& path) const;

  std::vector<Item> items_;
  size_t count_ = 0, unprinted_ = 0;
  std::set<std::string> broken_, dropped_;
  std::vector<std::string> notes_;
  int unrecorded_ = 0;
  std::map<std::string, ConfigNode> resolved_;  // by key path
};

}  // namespace nnx
