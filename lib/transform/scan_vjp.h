// The gradient of a scan; scan_rule.cpp puts it into the record.
//
// Forward, the scan gives as further ys what its backward needs (transform/cut.h); constants and xs are read again.
// Backward, a scan the other way carries the cotangents of the carries and a sum for each constant. Which carries take
// part is a fixpoint over the body.
#pragma once

#include "transform/body_rules.h"

namespace nnx {

Flags varying_scan(const Node& node, const Flags& inputs);
Flags needed_scan(const Node& node, const Flags& outputs);
BodyVjp vjp_scan(const Node& node, std::span<const Array> in, const Flags& wrt, const Flags& of);

}  // namespace nnx
