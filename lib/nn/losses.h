// Losses as the trainer sees them: a value for each example, so that padded rows can be left out of an evaluation.
//
//   const LossTerms terms = losses().build(config.loss, diagnostics);     // one, or those of a weighted_sum
//   terms[0].loss.per_example(logits, labels);
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

// A loss with what the config says of its place: every loss has these arguments.
struct LossTerm {
  Loss loss;
  std::string name = {};               // in a weighted_sum; "" for a loss that stands alone
  std::optional<int64_t> output = {};  // of a model that gives several; null: the only one
  ConfigNode target = {};              // an expression of the batch; null: data.target
  std::optional<double> weight = {};  // in a weighted_sum there is one; null: it is multiplied by nothing
  ConfigNode node = {};                // where it is written, in a weighted_sum
};
using LossTerms = std::vector<LossTerm>;

// mse: mean of squared errors over an example's outputs. softmax_cross_entropy: logits [batch, classes] with integer
// labels. sigmoid_binary_cross_entropy: logits and targets in [0, 1] of one shape, mean over an example's outputs.
// weighted_sum: several of these, by names; the first reads the first output of the model, and so on.
using Losses = Registry<LossTerms()>;
const Losses& losses();

}  // namespace nnx
