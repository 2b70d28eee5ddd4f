// A Module whose attributes have run-time names (one that was written in YAML) takes them from a GraphDef, before merge and
// the lifted transforms fill its attributes in.
#pragma once

#include "nnx/graphdef.h"

namespace nnx {

class RunTimeNames {
 public:
  virtual ~RunTimeNames() = default;
  virtual void take_names(const GraphDef& def, const NodeDef& node) = 0;
};

}  // namespace nnx
