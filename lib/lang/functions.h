// The functions that a `call` knows by name: every public op and activation, written in one explicit list.
//
//   const Function* f = find_function("softmax");     // x, axis=-1
//   f->apply(arguments)                               // in the order of f->parameters, defaults filled in
//
// Arrays go where Arrays are asked for; integers, axes and shapes are static. A number stands for an Array of no axes
// where the op has no form for numbers of its own.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nnx/call.h"

namespace nnx::lang {

struct FunctionParameter {
  std::string name;
  bool required = true;
  CallValue initial = {};
};

struct Function {
  std::string_view name;
  std::string_view written;  // its parameters: "x, axis=-1, keepdims=false"
  std::vector<FunctionParameter> parameters;
  CallValue (*body)(const class Given& given) = nullptr;

  CallValue apply(std::span<const CallValue> arguments) const;  // one for each parameter
  std::string signature() const;                                // "softmax(x, axis=-1)"
};

const std::vector<Function>& functions();                 // sorted by name
const Function* find_function(std::string_view name);     // or null

}  // namespace nnx::lang
