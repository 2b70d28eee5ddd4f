// An Objective is what training makes small and what is measured of a model: a weighted sum of losses, each of one
// output of the model and one target. A loss that stands alone is a sum of one.
//
//   loss:
//     type: weighted_sum
//     terms:
//       digit: softmax_cross_entropy                    # output 0, compared with data.target
//       pixels: {type: mse, target: x, weight: 0.5}     # output 1
//
//   objective->metric_names()    // loss, digit_loss, pixels_loss, accuracy
//
// Weights are Numbers: a step that is compiled serves for any, and runs with other weights make one population. A loss
// that stands alone without one is multiplied by nothing.
#pragma once

#include <functional>

#include "nn/losses.h"
#include "train/batch_expression.h"

namespace nnx {

class ObjectiveTerm : public Module<ObjectiveTerm> {
 public:
  ObjectiveTerm() = default;
  ObjectiveTerm(LossTerm term, std::optional<BatchExpression> target);

  // One value for each example of a batch.
  struct Judgement {
    Array loss, right;  // right is undefined unless the loss classifies
  };
  // Throws lang::PlacedError for outputs and targets that the loss does not fit.
  Judgement judge(std::span<const Array> outputs, const Array& x, const Array& y) const;

  const std::string& name() const { return name_; }
  const Loss& loss() const { return loss_; }
  const ConfigNode& node() const { return node_; }  // where it is written
  Array weighted(const Array& loss) const { return weighted_ ? loss * weight.array() : loss; }
  const std::string& compares_with() const { return target_text_; }  // "y", "x[:, :8]"
  const Array& prediction(std::span<const Array> outputs) const;
  Array target(const Array& x, const Array& y) const;

  Number weight = 1;

  static void fields(auto& self, auto&& f) {
    f("name", self.name_);
    f("loss", self.loss_.name);
    f("output", self.output_);
    f("target", self.target_text_);
    f("weighted", self.weighted_);
    f("weight", self.weight);
  }

 private:
  [[noreturn]] void refuse(ErrorParts parts) const;

  std::string name_, target_text_;
  Loss loss_;
  std::optional<int64_t> output_;
  bool weighted_ = false;
  std::optional<BatchExpression> target_;  // none: y
  ConfigNode node_;
};

class Objective : public Module<Objective> {
 public:
  Objective() = default;
  // `node` is where the whole is written; `target` is what terms compare with that say nothing else (null: y).
  Objective(const LossTerms& terms, const ConfigNode& node, const ConfigNode& target, Diagnostics& diagnostics);

  // "loss", the sum; NAME_loss of each term that has a name; "accuracy", or NAME_accuracy when several terms classify.
  const std::vector<std::string>& metric_names() const { return metric_names_; }
  size_t losses() const { return losses_; }  // how many of them, the first ones, are losses

  // The metrics of a batch. The reductions make one number of the values of its examples, those of losses or of bool.
  using Reduction = std::function<Array(const Array&)>;
  Arrays measure(std::span<const Array> outputs, const Array& x, const Array& y, const Reduction& of_losses,
                 const Reduction& of_right) const;

  const std::vector<Ref<ObjectiveTerm>>& terms() const { return terms_; }

  static void fields(auto& self, auto&& f) { f("terms", self.terms_); }

 private:
  std::vector<Ref<ObjectiveTerm>> terms_;
  std::vector<std::string> metric_names_;
  size_t losses_ = 0;
};

}  // namespace nnx
