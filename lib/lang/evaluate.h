// Evaluation of a program on the attributes of a Composite: what its call does, on traced Arrays or concrete ones.
#pragma once

#include "lang/composite.h"

namespace nnx::lang {

inline constexpr int max_operations = 100'000;  // of one outermost call, all Composites inside counted

// Throws ProgramError at the place that could not go on, and PlacedError out of the program of an inner Composite.
CallValue evaluate(Composite& self, CallArguments inputs);

// One expression without a Module: the names stand for these values, attributes for none.
CallValue evaluate(const Expression& expression, const std::map<std::string, CallValue>& names);

}  // namespace nnx::lang
