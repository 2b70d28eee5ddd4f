// A Signature is what a compiled variant of a function depends on: the structure of its arguments and the types of their
// leaves. Numbers count by place, not by value. Matching walks the objects and compares in place, building nothing.
#pragma once

#include "nnx/walk.h"

namespace nnx::detail {

// The dynamic leaves of a walk in visiting order. Pointers into objects: valid until these change.
struct Leaves {
  std::vector<Cell*> cells;
  std::vector<Array*> arrays;
  std::vector<Number*> numbers;
  std::vector<ModuleBase*> modules;
  // Of record only: the first path of each from the roots down, and the later paths of cells and modules.
  std::vector<Path> cell_paths, array_paths, number_paths, module_paths;
  std::vector<std::pair<Path, size_t>> cell_aliases, module_aliases;
  // Keeps the paths: what matches has the same.
  void clear() { cells.clear(), arrays.clear(), numbers.clear(), modules.clear(); }
};

// Something that is not the same in two object graphs; a text is empty where there is nothing at the path.
struct Difference {
  Path path;
  std::string before, after;
};
std::string argument_text(const Path& path);       // "'linear1.kernel' of argument 0"
std::string to_string(const Difference& d);        // the same, then "before -> after"; the path starts at the arguments

class Signature {
 public:
  static Signature record(const Roots& roots, Leaves& leaves);
  bool matches(const Roots& roots, Leaves& leaves) const;   // leaves are complete only when it does
  // What differs in `other`, by path; what is below a differing path is not listed. Without `types`, those of Variables
  // and Arrays do not count.
  std::vector<Difference> differences(const Signature& other, bool types = true) const;

 private:
  friend class SignatureRecorder;
  friend class SignatureMatcher;
  struct Token {
    enum class Form : uint8_t { none, new_variable, old_variable, new_module, old_module, array, number, fixed, begin, end } form;
    const void* kind = nullptr;      // of a new variable or module
    int index = 0;                   // of an old one, or the size of a container
    Type type = {};                  // of a variable or array
    StaticValue value = {};
    Key key = {};                    // of an element of a map
  };
  std::vector<std::pair<Path, std::string>> described(bool types) const;
  std::vector<Token> tokens_;
  std::vector<Path> paths_;          // by token: for messages
};

}  // namespace nnx::detail
