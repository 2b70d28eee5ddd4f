// The explicit list of built-in layers.
#include "nn/activation.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/layer_scope.h"
#include "nn/lora.h"
#include "nn/remat.h"
#include "nn/scan.h"
#include "nn/sequential.h"
#include "nn/transposed_linear.h"

namespace nnx {
namespace {

Ref<Layer> make_lora_linear(const LoRALinearOptions& o, Diagnostics& d, Rngs& rngs) {
  const Initializer kernel_init = initializers().build(o.kernel_init, d);
  const Initializer bias_init = initializers().build(o.bias_init, d);
  const auto layer = make<LoRALinear>(o.in_features, o.out_features, o.lora_rank, rngs, o.use_bias, kernel_init, bias_init);
  layer->lora->scale = lora_scale(o.alpha, o.lora_rank);
  return layer;
}

Ref<Layer> make_sequential(const SequentialOptions& o, Diagnostics& d, Rngs& rngs) {
  return make<Sequential>(layers().build_each(o.layers, d, rngs));
}

Ref<Layer> make_scan(const ScanLayerOptions& o, Diagnostics& d, Rngs& rngs) {
  const auto one = [&](Rngs& streams) { return layers().build(o.layer, d, streams); };
  return make<Scan>(make_stack(one, o.length, rngs), o.length, o.unroll);
}

Ref<Layer> make_remat(const RematLayerOptions& o, Diagnostics& d, Rngs& rngs) {
  return make<Remat>(layers().build(o.layer, d, rngs));
}

Layers list_layers() {
  Layers list("layer");
  list.add<LinearOptions>("Linear", "x kernel + bias", make_linear<Linear>);
  list.add<LinearOptions>("TransposedLinear", "x kernel^T + bias, for a kernel tied to that of another layer", make_linear<TransposedLinear>);
  list.add<DropoutOptions>("Dropout", "zeroes elements at random in training",
                           [](const DropoutOptions& o, Rngs& rngs) -> Ref<Layer> { return make<Dropout>(o.rate, rngs); });
  list.add<BatchNormOptions>("BatchNorm", "normalises each feature by batch statistics",
                             [](const BatchNormOptions& o, Rngs& rngs) -> Ref<Layer> { return make<BatchNorm>(o, rngs); });
  list.add<LayerNormOptions>("LayerNorm", "normalises each example over its features",
                             [](const LayerNormOptions& o, Rngs& rngs) -> Ref<Layer> { return make<LayerNorm>(o, rngs); });
  list.add<LoRAOptions>("LoRA", "low-rank x A B", [](const LoRAOptions& o, Rngs& rngs) -> Ref<Layer> {
    const auto layer = make<LoRA>(o.in_features, o.lora_rank, o.out_features, rngs);
    layer->scale = lora_scale(o.alpha, o.lora_rank);
    return layer;
  });
  list.add<LoRALinearOptions>("LoRALinear", "Linear with a LoRA beside it", make_lora_linear);
  list.add<SequentialOptions>("Sequential", "layers one after the other", make_sequential);
  list.add<ScanLayerOptions>("Scan", "a stack of layers of one structure, as a loop over their parameters", make_scan);
  list.add<RematLayerOptions>("Remat", "a layer that computes its inner values again in the backward pass", make_remat);
  list.add<NoOptions>("Flatten", "makes all axes but the first one", [](const NoOptions&, Rngs&) -> Ref<Layer> { return make<Flatten>(); });
  add_activations(list);
  return list;
}

thread_local const Layers* in_force = nullptr;

}  // namespace

Layers& extend_layers() {
  static Layers list = list_layers();
  return list;
}

const Layers& builtin_layers() { return extend_layers(); }

const Layers& layers() { return in_force ? *in_force : builtin_layers(); }

LayerScope::LayerScope(const Layers& list) : outer_(in_force) { in_force = &list; }
LayerScope::~LayerScope() { in_force = outer_; }

}  // namespace nnx
