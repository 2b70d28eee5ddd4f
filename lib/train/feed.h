// A Feed says what of a batch goes to which input of the model.
//
//   data:
//     inputs: {left: "x[:, :32]", right: "x[:, 32:]"}   # names of the model's inputs; without: the features are the
//     only one
#pragma once

#include <span>

#include "train/batch_expression.h"

namespace nnx {

class Feed {
 public:
  Feed() = default;  // x to the only input
  // Reports expressions that are none.
  Feed(const std::vector<std::pair<std::string, ConfigNode>>& inputs, Diagnostics& diagnostics);

  // What the model is called with: positional, or by the names of `inputs`. Throws lang::PlacedError.
  CallArguments arguments(const Array& x, const Array& y) const;
  CallKeywords keywords(const Array& x, const Array& y) const;

  // What the model gives for a batch, see outputs_of.
  Arrays outputs(const Ref<Layer>& model, const Array& x, const Array& y) const;

 private:
  std::vector<std::pair<std::string, BatchExpression>> inputs_;
};

// The one Array that a model gives, or those of its tuple. Throws ErrorKind::structure for anything else.
Arrays outputs_of(const CallValue& result);
std::string types_text(std::span<const Array> outputs);  // "f32[64,10]", "(f32[64,10], f32[64,64])"

}  // namespace nnx
