#include "train/steps.h"

namespace nnx {
namespace {

// How many predictions are right; a zero for losses that know no right or wrong.
Array count_correct(const Loss& loss, const Array& prediction, const Array& y) {
  return loss.correct ? sum(cast(loss.correct(prediction, y), DType::f32)) : zeros({});
}

}  // namespace

BatchArrays arrays_of(const Batch& batch, const Dataset& data) {
  const int64_t rows = static_cast<int64_t>(batch.weight->bytes() / sizeof(float));
  const DataSchema& schema = data.schema;
  const Type x{DType::f32, data.feature_shape().inserted(0, rows)};
  const Type y = schema.has_labels() ? Type{DType::i32, {rows}} : Type{DType::f32, {rows, schema.target_width()}};
  return {Array(x, batch.x), Array(y, batch.y), Array({DType::f32, {rows}}, batch.weight)};
}

TrainFunction train_function(const Loss& loss, const Feed& feed) {
  return [loss, feed](Ref<Layer> m, Ref<Optimizer> o, Array x, Array y) -> StepArrays {
    const auto loss_fn = [&](Ref<Layer> inner) {
      const Array prediction = feed.predict(inner, x, y), target = feed.target(x, y);
      return std::tuple{mean(loss.per_example(prediction, target)), count_correct(loss, prediction, target)};
    };
    auto [values, gradients] = value_and_grad(loss_fn, o->wrt())(m);
    const auto& [value, correct] = values;
    check_finite(value, "loss");
    for (const auto& [path, leaf] : gradients) check_finite(leaf.value, "gradient of " + to_string(path));
    const Array rate = o->learning_rate();
    o->update(gradients);
    return {value, correct, rate};
  };
}

EvalFunction eval_function(const Loss& loss, const Feed& feed) {
  return [loss, feed](Ref<Layer> m, Array x, Array y, Array weight) -> StepArrays {
    const Array prediction = feed.predict(m, x, y), target = feed.target(x, y);
    // Chosen, not multiplied: what a row of padding gives may be infinite.
    const Array counts = greater(weight, 0);
    const Array losses = loss.per_example(prediction, target);
    const Array value = sum(select(counts, losses, zeros_like(losses)));
    const Array right =
        loss.correct ? sum(cast(bitwise_and(loss.correct(prediction, target), counts), DType::f32)) : zeros({});
    return {value, right, sum(weight)};
  };
}

TrainStep::TrainStep(Ref<Layer> model, Ref<Optimizer> optimizer, const Loss& loss, const Feed& feed,
                     Precision precision) {
  const auto compiled = jit(train_function(loss, feed), {.precision = precision});
  plan_ = [compiled] { return compiled.plan(); };
  compile_ = [compiled, model, optimizer](const Array& x, const Array& y) -> const Plan& {
    return compiled.compile(model, optimizer, x, y);
  };
  run_ = [compiled, model = std::move(model), optimizer = std::move(optimizer)](const Array& x,
                                                                                const Array& y) -> BatchResult {
    const auto [loss_value, correct, rate] = compiled(model, optimizer, x, y);
    const int64_t count = x.dim(0);
    return {.loss = double{loss_value.template item<float>()} * static_cast<double>(count),
            .correct = double{correct.template item<float>()},
            .count = count,
            .learning_rate = rate.template item<float>()};
  };
}

EvalStep::EvalStep(Ref<Layer> model, const Loss& loss, const Feed& feed, Precision precision) {
  const auto compiled = jit(eval_function(loss, feed), {.precision = precision});
  run_ = [compiled, model = std::move(model)](const BatchArrays& batch) -> BatchResult {
    const auto [value, correct, count] = compiled(model, batch.x, batch.y, batch.weight);
    return {.loss = double{value.template item<float>()},
            .correct = double{correct.template item<float>()},
            .count = static_cast<int64_t>(count.template item<float>())};
  };
}

}  // namespace nnx
