// The two compiled functions of a run: one step of training, and one batch of evaluation.
//
//   const TrainStep step(model, optimizer, objective);
//   const BatchResult r = step(x, y);                      // the metrics of the batch, and the learning rate used
//
// Large matrix products are computed in `precision`. A step whose loss or gradients are not finite throws ErrorKind::numeric naming the tensor, and changes nothing.
#pragma once

#include <functional>
#include <tuple>

#include "data/loader.h"
#include "optim/optimizer.h"
#include "train/feed.h"
#include "train/objective.h"

namespace nnx {

// Sums over examples, one for each metric of the Objective.
struct MetricSums {
  std::vector<double> values = {};
  int64_t count = 0;  // examples
  void add(const MetricSums& more);
};

struct BatchResult {
  MetricSums sums = {};
  float learning_rate = 0;
  double loss() const { return sums.values.at(0) / static_cast<double>(sums.count); }  // the mean
};

// A batch as Arrays that share its Buffers.
struct BatchArrays {
  Array x, y, weight;
};
BatchArrays arrays_of(const Batch& batch, const Dataset& data);

// What both compile: one step on a batch -> (metrics, learning rate), where losses are means and right predictions are
// counted; and one batch of evaluation, whose rows of weight 0 count for nothing -> (sums of the metrics, rows). Losses and
// gradients are guarded.
using StepArrays = std::tuple<Arrays, Array>;
using TrainFunction = std::function<StepArrays(Ref<Layer>, Ref<Optimizer>, Ref<Objective>, Array x, Array y)>;
using EvalFunction = std::function<StepArrays(Ref<Layer>, Ref<Objective>, Array x, Array y, Array weight)>;
TrainFunction train_function(const Feed& feed);
EvalFunction eval_function(const Feed& feed);
// The sums of the `count` examples of a step; `metric` gives what the TrainFunction made of each metric.
MetricSums sums_of_step(const Objective& objective, int64_t count, const std::function<float(size_t metric)>& metric);

// Both keep compiled code, which copies share.
class TrainStep {
 public:
  TrainStep(Ref<Layer> model, Ref<Optimizer> optimizer, Ref<Objective> objective, const Feed& feed = {},
            Precision precision = Precision::f32);
  // x f32 [batch, ...], y as the losses want it.
  BatchResult operator()(const Array& x, const Array& y) const { return run_(x, y); }
  const Plan& compile(const Array& x, const Array& y) const { return compile_(x, y); }   // runs and changes nothing
  const Plan* plan() const { return plan_(); }  // of the last step or compile; null before the first
  size_t entries() const { return entries_(); }  // how often it was compiled

 private:
  std::function<BatchResult(const Array&, const Array&)> run_;
  std::function<const Plan&(const Array&, const Array&)> compile_;
  std::function<const Plan*()> plan_;
  std::function<size_t()> entries_;
};

class EvalStep {
 public:
  EvalStep(Ref<Layer> model, Ref<Objective> objective, const Feed& feed = {}, Precision precision = Precision::f32);
  // Rows of weight 0 count for nothing. The model must be in evaluation mode.
  MetricSums operator()(const BatchArrays& batch) const { return run_(batch); }

 private:
  std::function<MetricSums(const BatchArrays&)> run_;
};

}  // namespace nnx
