// Kinds and Module types by the names that files have: the program's own where it has one, otherwise a placeholder, one
// a name, so that a file with foreign types can still be read, shown and compared, but not merged into objects.
#pragma once

#include "nnx/module.h"
#include "nnx/variable.h"

namespace nnx {

const VariableKind& kind_named(std::string_view name);       // a placeholder has no parent
const ModuleType& module_type_named(std::string_view name);  // a placeholder has no `create`

// Takes the name over: for types that are made at run time.
void define_module_type(const ModuleType& type);

}  // namespace nnx
