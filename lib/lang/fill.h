// Filling in the arguments of a Module definition: "${din}" is the argument's value, of any kind when it is the whole
// scalar, else its text; "${2 * din}" is integer arithmetic (lang/expression.h).
#pragma once

#include <map>

#include "config/diagnostics.h"
#include "nnx/call.h"

namespace nnx::lang {

// `node` with every scalar at and below it filled in; what cannot be is reported and stays.
ConfigNode fill(const ConfigNode& node, const std::map<std::string, ConfigNode>& arguments, Diagnostics& diagnostics);

// A scalar as a value of a program: an integer, a number, true or false, else its text; a list as a tuple.
CallValue value_of(const ConfigNode& node);

}  // namespace nnx::lang
