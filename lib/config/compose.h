// Composition: config files, overlays and `a.b.c=value` arguments become one config, and each node of it still knows the
// file and line, or the argument, that it came from.
//
//   1. Before a file come the files that its `include:` names, relative to it, in their order.
//   2. All are merged in order: maps key by key, everything else replaces. `key+: [..]` appends to a list,
//      `key: !delete` removes the key, `key: !replace {..}` replaces a map whole.
//   3. The arguments set one value each, in order.
//   4. ${...} is replaced everywhere (config/interpolate.h). Inside of `modules.NAME` the names that are NAME's arguments
//      stay: they are filled in when the Module is made.
//
// When a map gets another `type`, the arguments that it had stay for the new type where that has a key of the name, and
// fall away otherwise: `optimizer.type=sgd` keeps the learning rate and forgets b1. `!replace` keeps nothing.
//
//   ConfigNode root = load_config({"mlp.yaml", "overlays/quick.yaml"}, {"optimizer.learning_rate=3e-4"}, diagnostics);
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/node.h"
#include "config/parse.h"

namespace nnx {

inline constexpr size_t max_config_files = 256;      // one config reads, all includes counted
inline constexpr size_t max_config_arguments = 1000;

// All four steps. Errors are reported, at their places, and composition goes on without what was wrong; a file that
// cannot be read at all throws. At least one file.
ConfigNode load_config(const std::vector<std::string>& files, const std::vector<std::string>& arguments,
                       Diagnostics& diagnostics);
ConfigNode load_config(const std::vector<std::string>& files, const std::vector<std::string>& arguments = {});

// Step 2: `overlay` on top of `base`, which has no edits left in it. A map over a bare component name (`adam`) takes the
// name as its `type`; over any other scalar or a list it is an error.
ConfigNode merge(const ConfigNode& base, const ConfigNode& overlay, Diagnostics& diagnostics);
ConfigNode merge(const ConfigNode& base, const ConfigNode& overlay);

// Step 3. The value replaces what stood there; `key+=value` appends one item, or the items of a list, and `key=!delete`
// removes. A value is a scalar, taken as it stands, or, when it begins with one of [ { " ', a YAML flow value. Maps on the
// way are made when they are not there; a list index (`layers.0.rate`, `layers[0].rate`) must exist; a key set twice is
// an error. Errors are ErrorKind::usage.
ConfigNode apply_arguments(const ConfigNode& root, const std::vector<std::string>& arguments, Diagnostics& diagnostics);
ConfigNode apply_arguments(const ConfigNode& root, const std::vector<std::string>& arguments);

// Step 4.
ConfigNode resolve_interpolation(const ConfigNode& root, Diagnostics& diagnostics);

}  // namespace nnx
