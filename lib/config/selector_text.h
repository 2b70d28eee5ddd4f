// A selector says in YAML which parts of a model are meant: for surgery, freezing, optimizer groups and inspection. Its
// text is the one that parse_filter (nnx/filter.h) reads; here is only how maps and lists are written as that text.
//
//   Linear                              Linear
//   [head, blocks.0]                    any(head, blocks.0)
//   {all: [Param, {not: LoRAParam}]}    all(Param, not(LoRAParam))
//   {type: Linear, not: head}           all(type:Linear, not(head))
//
// Keys: type, kind, path, re, tag, all, any, not; several in one map must all hold.
#pragma once

#include <string>

#include "config/diagnostics.h"

namespace nnx {

// Reports what is not a selector, and throws ConfigError then.
std::string selector_text(const ConfigNode& node, Diagnostics& diagnostics);

}  // namespace nnx
