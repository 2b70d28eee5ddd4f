// The operators of the language of `call`, on Arrays and numbers. Integers stay integers where Python's do.
#pragma once

#include <string_view>

#include "nnx/call.h"

namespace nnx::lang {

// What + - * / // % @ ** < <= > >= == != do with Arrays and numbers. Throws ErrorKind::structure for other values.
CallValue apply_operator(std::string_view op, const CallValue& a, const CallValue& b);
CallValue negated(const CallValue& x);

}  // namespace nnx::lang
