// Scan: one layer's structure `length` times, each time with parameters of its own, as one loop over stacked Variables.
//
//   blocks: {type: Scan, length: 5, layer: {type: Sequential, layers: {...}}}     # kernel: f32[5, in, out]
//
// What the guide does by hand: the stack is made by vmap over the constructor and applied by scan (nnx/scan.h), so a deep
// model compiles as fast as a shallow one. Statistics, random streams and counts are kept for each of the layers.
#pragma once

#include "nn/layer.h"

namespace nnx {

struct ScanLayerOptions {
  int64_t length = 1;
  ConfigNode layer;
  int64_t unroll = 1;
  static void fields(auto& self, auto&& f) {
    f("length", self.length, Field{.help = "how many layers"}.at_least(1).must());
    f("layer", self.layer, component("layer", Field{.help = "one of them; its output has the shape of its input"}.must()));
    f("unroll", self.unroll, Field{.help = "layers in one body of the loop"}.at_least(1));
  }
};

class Scan : public Module<Scan, Layer> {
 public:
  Scan() = default;
  // `layer` holds the Variables of all `length` layers, each stacked along axis 0.
  Scan(Ref<Layer> layer, int64_t length, int64_t unroll = 1) : layer(std::move(layer)), length(length), unroll(unroll) {}
  Array operator()(const Array& x) override;   // the output has the type of x, else ErrorKind::shape
  static void fields(auto& self, auto&& f) {
    f("layer", self.layer);
    f("length", self.length);
    f("unroll", self.unroll);
  }

  Ref<Layer> layer;
  int64_t length = 1, unroll = 1;
};

// The stack that `create` makes, called once for all lanes with the streams of `rngs` split among them.
Ref<Layer> make_stack(const std::function<Ref<Layer>(Rngs&)>& create, int64_t length, Rngs& rngs);

}  // namespace nnx
