// Reading YAML text into ConfigNodes, with limits that no input can get around.
//
// One document of maps, lists and scalars in UTF-8, at most 1 MiB, 64 levels and 100 000 values. Refused, with
// file:line:col: duplicate keys, anchors and aliases, merge keys, tags, directives, tabs in the indentation, control
// characters, a second document. All errors are ErrorKind::config, except a file that does not exist (missing).
//
//   ConfigNode root = load_config({"mlp.yaml", "site.yaml"}, {"optimizer.learning_rate=3e-4"});
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"

namespace nnx {

inline constexpr size_t max_config_bytes = size_t{1} << 20;
inline constexpr size_t max_config_depth = 64;
inline constexpr size_t max_config_nodes = 100'000;
inline constexpr size_t max_config_key = 128;  // bytes of one key

// Parses `text`; `source` names it in errors and origins. A text without content is an error.
ConfigNode parse_yaml(std::string_view text, const std::string& source);

// The value of a command line argument (see apply_arguments): every node gets `origin` and lies under `path`.
ConfigNode parse_value(std::string_view text, const Origin& origin, const KeyPath& path);

// Reads a regular file and parses it. The root must be a map.
ConfigNode load_file(const std::string& file);

// `overlay` on top of `base`: maps merge key by key, everything else replaces. A map over a bare component name
// (`adam`) takes the name as its `type`; over any other scalar or a list it is an error.
ConfigNode merge(const ConfigNode& base, const ConfigNode& overlay);

// Applies `a.b.c=value` arguments in order; the value replaces what stood there. It is a scalar, taken as it stands,
// or, when it begins with one of [ { " ', a YAML flow value. Maps on the way are made when they are not there; a list
// index (`layers.0.rate`, `layers[0].rate`) must exist; a key given twice is an error. Errors are ErrorKind::usage.
ConfigNode apply_arguments(const ConfigNode& root, const std::vector<std::string>& arguments);

// The files merged in order, then the arguments. At least one file.
ConfigNode load_config(const std::vector<std::string>& files, const std::vector<std::string>& arguments = {});

}  // namespace nnx
