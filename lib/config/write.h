// Writing ConfigNodes as text.
//
// write_yaml and parse_yaml are inverse: the text reads back to the same values and is written again byte for byte the
// same.
#pragma once

#include <functional>
#include <string>

#include "config/node.h"

namespace nnx {

// Block style YAML, two spaces a level, lists of scalars in one line; strings are quoted where they would read
// otherwise.
std::string write_yaml(const ConfigNode& node);

// What is written as comments around the value of a key or an item: lines above it, and words behind it in its line. Each
// list then takes a line an item. "" for none; a comment is cut to one line.
struct Comments {
  std::function<std::string(const ConfigNode& value)> above = {}, behind = {};
};
std::string write_yaml(const ConfigNode& node, const Comments& comments);

// The same in one line: `{type: adam, learning_rate: 0.001}`.
std::string write_flow(const ConfigNode& node);

// JSON with two spaces a level: unquoted scalars that read as a number or as true or false are written as such.
std::string to_json(const ConfigNode& node);

}  // namespace nnx
