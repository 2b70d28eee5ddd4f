#include "optim/transformations.h"

#include <fmt/format.h>


namespace nnx::optim {
namespace {

State scaled(const State& updates, const Array& factor) {
  return updates.map([&](const Path&, const Array& u) { return u * scalar_like(factor, u); });
}

// 1 / (1 - decay^count), by way of expm1: 1 - 0.999^2 has only five digits left in f32.
Array bias_correction(const Array& decay, const Array& count) {
  return reciprocal(negative(expm1(cast(count, DType::f32) * log(decay))));
}

}  // namespace

// ---- Chain
void Chain::init(const State& params) {
  for (const Ref<Transformation>& part : parts()) part->init(params);
}

State Chain::update(const State& updates, const State& params) {
  State current = updates;
  for (const Ref<Transformation>& part : parts()) current = part->update(current, params);
  return current;
}

// ---- parts
State Momentum::update(const State& updates, const State&) {
  trace->expect(updates);
  State out = updates;
  size_t i = 0;
  for (auto& [path, leaf] : out) {
    OptState& t = (*trace)[i++];
    const Array g = leaf.value, mu = scalar_like(decay, g);
    const Array next = g + mu * t.get();
    t.set(next);
    leaf.value = nesterov ? g + mu * next : next;
  }
  return out;
}

void ScaleByAdam::init(const State& params) {
  count = OptState(scalar<int32_t>(0));
  mu = make<Moments>(params);
  nu = make<Moments>(params);
}

State ScaleByAdam::update(const State& updates, const State&) {
  mu->expect(updates);
  count.set(count.get() + 1);
  const Array decay1 = b1, decay2 = b2;
  const Array correct1 = bias_correction(decay1, count), correct2 = bias_correction(decay2, count);
  // 1 - b from the rounded b: what the correction assumes.
  const Array rest1 = 1.0 - decay1, rest2 = 1.0 - decay2, epsilon = eps;
  State out = updates;
  size_t i = 0;
  for (auto& [path, leaf] : out) {
    const Array g = leaf.value;
    const auto like = [&](const Array& scalar) { return scalar_like(scalar, g); };
    OptState &m = (*mu)[i], &v = (*nu)[i];
    const Array next_m = like(decay1) * m.get() + like(rest1) * g;
    const Array next_v = like(decay2) * v.get() + like(rest2) * square(g);
    m.set(next_m);
    v.set(next_v);
    leaf.value = (next_m * like(correct1)) / (sqrt(next_v * like(correct2)) + like(epsilon));
    ++i;
  }
  return out;
}

void AddDecayedWeights::init(const State& params) {
  if (!params.empty() && params.filter(mask.get()).empty())
    fail(ErrorKind::structure, {.where = "weight decay",
                                .expected = "a mask that matches some parameter",
                                .got = in_quotes(mask.text),
                                .hint = fmt::format("the first parameter is '{}'", params.paths().front())});
}

State AddDecayedWeights::update(const State& updates, const State& params) {
  const Filter filter = mask.get();
  const Array decay = weight_decay;
  State out = updates;
  for (auto& [path, leaf] : out) {
    const StateLeaf& p = params.at(path);
    if (filter.matches({path, *p.kind, p.tag, &p.metadata, p.holder, &p.value})) leaf.value = leaf.value + scalar_like(decay, p.value) * p.value;
  }
  return out;
}

Array global_norm(const State& state) {
  Array total = zeros({});
  for (const auto& [path, leaf] : state) total = total + cast(sum(square(leaf.value)), DType::f32);
  return sqrt(total);
}

State ClipByGlobalNorm::update(const State& updates, const State&) {
  const Array norm = global_norm(updates), limit = max_norm;
  // A NaN norm is not below the limit, and makes every update NaN, as in Optax.
  return scaled(updates, select(less(norm, limit), ones({}), limit / norm));
}

State Scale::update(const State& updates, const State&) { return scaled(updates, factor); }

void ScaleByLearningRate::init(const State&) {
  if (!schedule->constant()) count = OptState(scalar<int32_t>(0));
}

Array ScaleByLearningRate::rate() const { return (*schedule)(count ? count.get() : Array()); }

State ScaleByLearningRate::update(const State& updates, const State&) {
  const Array now = rate();
  if (count) count.set(count.get() + 1);
  return scaled(updates, negative(now));
}

}  // namespace nnx::optim
