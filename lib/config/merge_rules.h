// What merging files and applying arguments have in common.
#pragma once

#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/node.h"

namespace nnx::detail {

// The keys that new ones go on top of: of a map, of a bare component name its `type`, of null none. False when `base` is
// something else.
bool entries_below(const ConfigNode& base, std::vector<ConfigNode::Entry>& out);

// Before `type` is put over the entries of a component: when it is another type, they become leftovers of the old one.
void mark_leftovers(std::vector<ConfigNode::Entry>& entries, const ConfigNode* type);

// "did you mean 'x'?" for a key that is not there, or "". After the first errors it is not worth its time.
std::string hint_for(const std::string& key, const std::vector<ConfigNode::Entry>& entries,
                     const Diagnostics& diagnostics);

// The items of `list`, which may be null, and those of `more`.
ConfigNode appended(const ConfigNode& list, const ConfigNode& more);

}  // namespace nnx::detail
