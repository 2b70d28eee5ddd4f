// Interpolation: the ${...} inside of a scalar, replaced by what a Scope knows.
//
//   ${model.width}          the value of another key: of any kind when it is the whole scalar, else its text
//   ${2 * (din + 1)}        integers with + - * / // % and parentheses; / must leave no remainder, // rounds down
//   ${env:OUT,runs/x}       an environment variable, and what stands for it when it is not set
//   $${                     the two characters ${
//
// Invariants: a result has the origin and path of the scalar that it was written in. `"${din}"` is what din is, the quotes
// around it make no string of it; a text around it does. What a Scope copies is limited, so that no config can grow
// without bound.
//
//   Scope scope{.find = [&](const std::string& name) { return argument(name); },
//               .names = [&](const std::string&) { return argument_names; }};
//   ConfigNode features = interpolate(node, scope);              // "${din * 2}" -> 128
//   ConfigNode layer = interpolate_all(node, scope, diagnostics);  // maps and lists too
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/node.h"
#include "config/parse.h"

namespace nnx {

struct Scope {
  // The value of a name such as `din` or `model.layers[0].rate`; nullopt when there is none. It may throw an Error.
  std::function<std::optional<ConfigNode>(const std::string& name)> find = {};
  // The names that could have been meant by one that is not there.
  std::function<std::vector<std::string>(const std::string& name)> names = {};
  // Names whose ${...} stays as it is, for a later interpolation: the arguments of a Module definition. Other names
  // beside them are replaced by their integers.
  std::vector<std::string> left = {};
  bool again = false;  // the result is interpolated again: $${ stays as it is
  size_t nodes = max_config_nodes, bytes = max_config_bytes;  // what may still be copied
};

// True when `text` holds a ${ or its escape.
bool has_interpolation(std::string_view text);

// One scalar; other nodes, and scalars without ${, come back as they are. Throws an Error of kind config (usage for a
// command line argument) at node.where().
ConfigNode interpolate(const ConfigNode& node, Scope& scope);

// Every scalar at and below `node`. Errors are reported; what they were found in stays as written, and what is read
// there later is not reported again.
ConfigNode interpolate_all(const ConfigNode& node, Scope& scope, Diagnostics& diagnostics);

// A resolved config with each ${ escaped that is no interpolation, so that reading it again gives the same values.
// `modules`, whose definitions are still to be interpolated, stays.
ConfigNode escape_interpolation(const ConfigNode& root);

}  // namespace nnx
