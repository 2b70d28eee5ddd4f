// The JSON Schema (draft 7) of a config, for editors and other programs, made from the registries and `fields` lists.
//
//   config_schema();      // # yaml-language-server: $schema=nnx.schema.json      at the top of a config
//
// It knows keys, types, ranges, choices and, by the `type` of a component, its arguments; definitions of Module types and
// operations of surgery as well. A ${...} may stand for any scalar. What needs more than one value to tell (shapes, files,
// references, the arguments of a type of one's own) is for `nnx-train validate`.
#pragma once

#include <string>

namespace nnx {

std::string config_schema();

// The same where nothing is required and lists may be appended to (`key+`): a file that is merged over others.
std::string overlay_schema();

}  // namespace nnx
