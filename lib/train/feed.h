// A Feed says what of a batch goes to which input of the model, and what the loss compares the result with.
//
//   data:
//     inputs: {left: "x[:, :32]", right: "x[:, 32:]"}   # names of the model's inputs; without: the features are the only one
//     target: x                                         # without: y
//
// Each is an expression (lang/expression.h) in which x stands for the features of the batch and y for its labels or
// targets: slices for models of several inputs, `target: x` for an autoencoder. They are part of the compiled step.
#pragma once

#include "config/diagnostics.h"
#include "lang/expression.h"
#include "nnx/nnx.h"

namespace nnx {

class Feed {
 public:
  Feed() = default;  // x to the only input, and the loss compares with y
  // Reports expressions that are none.
  Feed(const std::vector<std::pair<std::string, ConfigNode>>& inputs, const ConfigNode& target, Diagnostics& diagnostics);

  bool has_target() const { return target_.has_value(); }
  // What the model is called with: positional, or by the names of `inputs`. Throws lang::PlacedError.
  CallArguments arguments(const Array& x, const Array& y) const;
  CallKeywords keywords(const Array& x, const Array& y) const;
  Array target(const Array& x, const Array& y) const;

  // The one Array that the model gives for a batch.
  Array predict(const Ref<Layer>& model, const Array& x, const Array& y) const;

 private:
  struct Part {
    std::string name;
    lang::Expression expression;
    ConfigNode node;
  };
  static std::optional<Part> read(const std::string& name, const ConfigNode& node, Diagnostics& diagnostics);
  static CallValue value(const Part& part, const Array& x, const Array& y);

  std::vector<Part> inputs_;
  std::optional<Part> target_;
};

}  // namespace nnx
