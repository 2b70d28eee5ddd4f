// A selector says in YAML which parts of a model are meant: for surgery, freezing, optimizer groups, partitions of checkpoints
// and inspection. Its text is the one that parse_filter (nnx/filter.h) reads; here is only how maps and lists are written as
// that text.
//
//   Linear                              Linear
//   [head, blocks.0]                    any(head, blocks.0)
//   {all: [Param, {not: LoRAParam}]}    all(Param, not(LoRAParam))
//   {type: Linear, not: head}           all(type:Linear, not(head))
//   {shape: ['*', 10]}                  shape:[*, 10]
//
// Keys: type, kind, path, re, tag, has, shape, params, all, any, not; several in one map must all hold.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.h"

namespace nnx {

// One name or pattern that a selector is made of.
struct SelectorPart {
  ConfigNode node;
  std::string text;
  bool excluded = false;   // inside of a `not`
};

// Reports what is not a selector, and throws ConfigError then. `parts`, when given, are added to.
std::string selector_text(const ConfigNode& node, Diagnostics& diagnostics, std::vector<SelectorPart>* parts = nullptr);

}  // namespace nnx
