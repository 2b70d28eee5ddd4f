// What can be said of a program before it runs: every name stands for something, functions get arguments that they have.
//
// Attributes of attributes are not looked at: surgery may replace them until the program runs.
#pragma once

#include <functional>

#include "lang/expression.h"

namespace nnx::lang {

struct Names {
  std::vector<std::string> inputs, arguments, attributes;
};

// Reports each mistake with the byte where it stands.
using Report = std::function<void(size_t at, ErrorParts parts)>;
void check_program(const Program& program, const Names& names, const Report& report);

// Whether the program names `name` anywhere.
bool mentions(const Program& program, std::string_view name);

}  // namespace nnx::lang
