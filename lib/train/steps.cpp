#include "train/steps.h"

namespace nnx {
namespace {

Array count_of(const Array& right) { return sum(cast(right, DType::f32)); }

}  // namespace

void MetricSums::add(const MetricSums& more) {
  if (values.empty()) values.resize(more.values.size());
  check(values.size() == more.values.size(), "sums of the same metrics");
  for (size_t i = 0; i < values.size(); ++i) values[i] += more.values[i];
  count += more.count;
}

BatchArrays arrays_of(const Batch& batch, const Dataset& data) {
  const int64_t rows = static_cast<int64_t>(batch.weight->bytes() / sizeof(float));
  const DataSchema& schema = data.schema;
  const Type x{DType::f32, data.feature_shape().inserted(0, rows)};
  const Type y = schema.has_labels() ? Type{DType::i32, {rows}} : Type{DType::f32, {rows, schema.target_width()}};
  return {Array(x, batch.x), Array(y, batch.y), Array({DType::f32, {rows}}, batch.weight)};
}

TrainFunction train_function(const Feed& feed) {
  return [feed](Ref<Layer> m, Ref<Optimizer> o, Ref<Objective> objective, Array x, Array y) -> StepArrays {
    const auto loss_fn = [&](Ref<Layer> inner) {
      const Arrays outputs = feed.outputs(inner, x, y);
      const Arrays metrics = objective->measure(outputs, x, y, [](const Array& losses) { return mean(losses); }, count_of);
      return std::tuple{metrics[0], metrics};
    };
    auto [values, gradients] = value_and_grad(loss_fn, o->wrt())(m);
    const Arrays& metrics = std::get<1>(values);
    // The terms before their sum: the error names the one that it is.
    for (size_t i = objective->losses(); i-- > 0;) check_finite(metrics[i], objective->metric_names()[i]);
    for (const auto& [path, leaf] : gradients) check_finite(leaf.value, "gradient of " + to_string(path));
    const Array rate = o->learning_rate();
    o->update(gradients);
    return {metrics, rate};
  };
}

EvalFunction eval_function(const Feed& feed) {
  return [feed](Ref<Layer> m, Ref<Objective> objective, Array x, Array y, Array weight) -> StepArrays {
    const Arrays outputs = feed.outputs(m, x, y);
    // Chosen, not multiplied: what a row of padding gives may be infinite.
    const Array counts = greater(weight, 0);
    const Arrays sums = objective->measure(
        outputs, x, y, [&](const Array& losses) { return sum(select(counts, losses, zeros_like(losses))); },
        [&](const Array& right) { return count_of(bitwise_and(right, counts)); });
    return {sums, sum(weight)};
  };
}

MetricSums sums_of_step(const Objective& objective, int64_t count, const std::function<float(size_t)>& metric) {
  MetricSums sums{.values = std::vector<double>(objective.metric_names().size()), .count = count};
  for (size_t i = 0; i < sums.values.size(); ++i)
    sums.values[i] = double{metric(i)} * (i < objective.losses() ? static_cast<double>(count) : 1.0);
  return sums;
}

TrainStep::TrainStep(Ref<Layer> model, Ref<Optimizer> optimizer, Ref<Objective> objective, const Feed& feed,
                     Precision precision) {
  const auto compiled = jit(train_function(feed), {.precision = precision});
  plan_ = [compiled] { return compiled.plan(); };
  entries_ = [compiled] { return compiled.entries(); };
  compile_ = [=](const Array& x, const Array& y) -> const Plan& {
    return compiled.compile(model, optimizer, objective, x, y);
  };
  run_ = [=](const Array& x, const Array& y) -> BatchResult {
    const auto [metrics, rate] = compiled(model, optimizer, objective, x, y);
    return {.sums = sums_of_step(*objective, x.dim(0), [&m = metrics](size_t i) { return m[i].template item<float>(); }),
            .learning_rate = rate.template item<float>()};
  };
}

EvalStep::EvalStep(Ref<Layer> model, Ref<Objective> objective, const Feed& feed, Precision precision) {
  const auto compiled = jit(eval_function(feed), {.precision = precision});
  run_ = [=](const BatchArrays& batch) -> MetricSums {
    const auto [values, rows] = compiled(model, objective, batch.x, batch.y, batch.weight);
    MetricSums sums{.values = {}, .count = static_cast<int64_t>(rows.template item<float>())};
    for (const Array& value : values) sums.values.push_back(double{value.template item<float>()});
    return sums;
  };
}

}  // namespace nnx
