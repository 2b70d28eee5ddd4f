// Reading YAML text into ConfigNodes, with limits that no input can get around.
//
// One document of maps, lists and scalars in UTF-8, at most 1 MiB, 64 levels and 100 000 values. Refused, with
// file:line:col: duplicate keys, anchors and aliases, merge keys, tags but !delete and !replace, directives, tabs in the
// indentation, control characters, a second document. All errors are ErrorKind::config, except a file that does not exist
// (missing). How files, overlays and arguments become one config is in config/compose.h.
//
//   ConfigNode root = parse_yaml("model: {din: 64}", "mlp.yaml");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"
#include "config/node.h"

namespace nnx {

inline constexpr size_t max_config_bytes = size_t{1} << 20;
inline constexpr size_t max_config_depth = 64;
inline constexpr size_t max_config_nodes = 100'000;
inline constexpr size_t max_config_key = 128;  // bytes of one key

// Parses `text`; `source` names it in errors and origins. A text without content is an error. Errors are reported and
// reading goes on; it throws (ConfigError, reported too) only where nothing can be read any more.
ConfigNode parse_yaml(std::string_view text, const std::string& source, Diagnostics& diagnostics);
ConfigNode parse_yaml(std::string_view text, const std::string& source);  // throws whatever it was

// The value of a command line argument (see apply_arguments): every node gets `origin` and lies under `path`.
ConfigNode parse_value(std::string_view text, const Origin& origin, const KeyPath& path, Diagnostics& diagnostics);
ConfigNode parse_value(std::string_view text, const Origin& origin, const KeyPath& path);

// Reads a regular file and parses it. The root must be a map.
ConfigNode load_file(const std::string& file, Diagnostics& diagnostics);
ConfigNode load_file(const std::string& file);

}  // namespace nnx
