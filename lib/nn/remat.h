// Remat: a layer whose inner values are computed again in the backward pass instead of kept: memory for time.
//
//   block: {type: Remat, layer: {type: Sequential, layers: {...}}}
//
// Outputs, gradients and state are those of the layer itself. Inside of a Scan only the inputs of each layer are kept.
#pragma once

#include "nn/layer.h"

namespace nnx {

struct RematLayerOptions {
  ConfigNode layer;
  static void fields(auto& self, auto&& f) { f("layer", self.layer, component("layer", Field{.help = "the layer"}.must())); }
};

class Remat : public Module<Remat, Layer> {
 public:
  Remat() = default;
  explicit Remat(Ref<Layer> layer) : layer(std::move(layer)) {}
  Array operator()(const Array& x) override;
  static void fields(auto& self, auto&& f) { f("layer", self.layer); }

  Ref<Layer> layer;
};

}  // namespace nnx
