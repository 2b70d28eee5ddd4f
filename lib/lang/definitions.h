// Definitions reads the `modules:` of a config: each becomes a layer that the config can name like a built-in one.
//
//   const Definitions definitions(config.modules, diagnostics);      // reports what is wrong with any of them
//   const LayerScope scope(definitions.layers());                    // from here on layers() knows them
//   Ref<Layer> model = layers().build(config.model, diagnostics, rngs);
//
// A definition has `arguments` ([din, {rate: 0.1}], or a map of names to defaults with null for none), `attributes` (specs
// of layers, {type: Param, shape, init}, {ref: path}, lists and maps of these), `inputs` of its call (default: x) and
// `call` (lang/expression.h). "${din}" in an attribute is an argument's value; an argument that the call names is kept as
// a static attribute. Attributes are made in the order in which they are written, from the Rngs of the model.
//
// {ref: path} is an object that has been made already: a neighbour of the place where it stands, or of the places around
// it up to the definition, and from there on attributes of attributes (`encoder.linear1.kernel`).
#pragma once

#include <memory>

#include "nn/layer_scope.h"

namespace nnx {

class Definitions {
 public:
  Definitions();  // none: the built-in layers
  Definitions(const ConfigNode& modules, Diagnostics& diagnostics);

  const Layers& layers() const;
  // Where the layer was described that `module` was made for; null for one that was not made by these layers.
  const ConfigNode* written_at(const ModuleBase* module) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace nnx
