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
  void clear() { cells.clear(), arrays.clear(), numbers.clear(), modules.clear(); }
};

class Signature {
 public:
  static Signature record(const Roots& roots, Leaves& leaves);
  bool matches(const Roots& roots, Leaves& leaves) const;   // leaves are complete only when it does

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
  std::vector<Token> tokens_;
};

}  // namespace nnx::detail
