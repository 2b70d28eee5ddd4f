// The two compiled functions of a run: one step of training, and one batch of evaluation.
//
//   const TrainStep step = make_train_step(loss);
//   const StepResult r = step(model, optimizer, x, y);     // loss and right predictions of the batch, and the rate
//   used
//
// Large matrix products are computed in `precision`. A step whose loss or gradients are not finite throws ErrorKind::numeric naming the tensor, and changes nothing.
#pragma once

#include <functional>
#include <tuple>

#include "data/loader.h"
#include "nn/losses.h"
#include "optim/optimizer.h"
#include "train/feed.h"

namespace nnx {

struct BatchResult {
  double loss = 0;     // the sum over examples
  double correct = 0;  // how many predictions are right
  int64_t count = 0;   // examples
  float learning_rate = 0;
};

// A batch as Arrays that share its Buffers.
struct BatchArrays {
  Array x, y, weight;
};
BatchArrays arrays_of(const Batch& batch, const Dataset& data);

// What both compile: one step on a batch -> (mean loss, right predictions, learning rate); and one batch of evaluation, whose
// rows of weight 0 count for nothing -> (sum of losses, right predictions, rows). Losses and gradients are guarded.
using StepArrays = std::tuple<Array, Array, Array>;
using TrainFunction = std::function<StepArrays(Ref<Layer>, Ref<Optimizer>, Array x, Array y)>;
using EvalFunction = std::function<StepArrays(Ref<Layer>, Array x, Array y, Array weight)>;
TrainFunction train_function(const Loss& loss, const Feed& feed);
EvalFunction eval_function(const Loss& loss, const Feed& feed);

// Both keep compiled code, which copies share.
class TrainStep {
 public:
  TrainStep(Ref<Layer> model, Ref<Optimizer> optimizer, const Loss& loss, const Feed& feed = {},
            Precision precision = Precision::f32);
  // x f32 [batch, ...], y as the loss wants it.
  BatchResult operator()(const Array& x, const Array& y) const { return run_(x, y); }
  const Plan& compile(const Array& x, const Array& y) const { return compile_(x, y); }   // runs and changes nothing
  const Plan* plan() const { return plan_(); }  // of the last step or compile; null before the first

 private:
  std::function<BatchResult(const Array&, const Array&)> run_;
  std::function<const Plan&(const Array&, const Array&)> compile_;
  std::function<const Plan*()> plan_;
};

class EvalStep {
 public:
  EvalStep(Ref<Layer> model, const Loss& loss, const Feed& feed = {}, Precision precision = Precision::f32);
  // Rows of weight 0 count for nothing. The model must be in evaluation mode.
  BatchResult operator()(const BatchArrays& batch) const { return run_(batch); }

 private:
  std::function<BatchResult(const BatchArrays&)> run_;
};

}  // namespace nnx
