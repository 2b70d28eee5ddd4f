// The JSON Schema (draft 7) of a config, for editors and other programs, made from the registries and `fields` lists.
//
//   config_schema();      // # yaml-language-server: $schema=nnx.schema.json      at the top of a config
//
// It knows keys, types, ranges, choices and, by the `type` of a component, its arguments; definitions of Module types and
// operations of surgery as well. A ${...} may stand for any scalar. What needs more than one value to tell (shapes, files,
// references) is for `nnx-train validate`.
#pragma once

#include <string>
#include <vector>

namespace nnx {

std::string config_schema();

// The schema of a config with the Module types that these files define: it knows their names and arguments, too. Throws
// what reading the files throws, and ConfigError for definitions that are wrong.
std::string config_schema(const std::vector<std::string>& files);

// The same where nothing is required and lists may be appended to (`key+`): a file that is merged over others.
std::string overlay_schema();

}  // namespace nnx
