// Losses as the trainer sees them: a value for each example, so that padded rows can be left out of an evaluation.
#pragma once

#include "nn/layer.h"

namespace nnx {

// What a loss asks of the targets.
enum class TargetKind { labels, values };   // i32 [batch], or f32 [batch, ...]

struct Loss {
  std::string name;
  TargetKind targets = TargetKind::values;
  bool classification = false;              // an accuracy can be computed
  // prediction [batch, ...], target -> [batch]; throws ErrorKind::shape when they do not fit.
  Array (*per_example)(const Array& prediction, const Array& target) = nullptr;
  // Whether each prediction is right: [batch] of bool; null when classification is false.
  Array (*correct)(const Array& prediction, const Array& target) = nullptr;
};

// mse: mean of squared errors over an example's outputs. softmax_cross_entropy: logits [batch, classes] with integer
// labels. sigmoid_binary_cross_entropy: logits and targets in [0, 1] of one shape, mean over an example's outputs.
using Losses = Registry<Loss()>;
const Losses& losses();

}  // namespace nnx
