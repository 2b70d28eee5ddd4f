// LayerScope puts a list of layers in force: while one lives, layers() of this thread gives its list, so that a Sequential
// may hold types that a config defines.
//
//   const LayerScope scope(definitions.layers());
//   layers().build(node, diagnostics, rngs);
#pragma once

#include "nn/layer.h"

namespace nnx {

const Layers& builtin_layers();   // whatever is in force

class LayerScope {
 public:
  explicit LayerScope(const Layers& list);   // must outlive the scope
  ~LayerScope();
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

 private:
  const Layers* outer_;
};

}  // namespace nnx
