// Every layer, activation and loss against PyTorch in float64: outputs, input gradients and parameter gradients.
#include <doctest/doctest.h>

#include "nn/activation.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/lora.h"
#include "nn/losses.h"
#include "nn/sequential.h"
#include "support/golden.h"

using namespace nnx;
using namespace nnx::test;

namespace {

Array array_of(const GoldenArray& g) {
  const Shape shape(g.shape);
  if (g.dtype == "i32") return array<int32_t>(std::span<const int32_t>(g.as<int32_t>()), shape);
  return array<float>(std::span<const float>(g.floats()), shape);
}

std::vector<float> values_of(const Array& a) { return a.to_vector<float>(); }

// The guide's MLP without dropout, which PyTorch's answer leaves out too.
Ref<Layer> guide_mlp(const GoldenArgs& args, Rngs& rngs) {
  const int64_t din = args.integer("din"), dmid = args.integer("dmid"), dout = args.integer("dout");
  return make<Sequential>(std::vector<std::pair<std::string, Ref<Layer>>>{
      {"linear1", make<Linear>(din, dmid, rngs)},
      {"bn", make<BatchNorm>(dmid, rngs)},
      {"act", make<Activation>("gelu")},
      {"linear2", make<Linear>(dmid, dout, rngs)}});
}

Ref<Layer> layer_for(const GoldenCase& c) {
  Rngs rngs(0);
  const GoldenArgs& a = c.args;
  if (c.layer == "Linear") return make<Linear>(a.integer("in_features"), a.integer("out_features"), rngs, a.flag("use_bias"));
  if (c.layer == "LayerNorm") {
    LayerNormOptions o{.num_features = a.integer("num_features"), .epsilon = a.number("epsilon")};
    o.use_scale = a.flag("use_scale");
    o.use_bias = a.flag("use_bias");
    return make<LayerNorm>(o, rngs);
  }
  if (c.layer == "BatchNorm") {
    auto bn = make<BatchNorm>(a.integer("num_features"), rngs);
    bn->use_running_average = a.flag("use_running_average");
    return bn;
  }
  if (c.layer == "LoRA") {
    const int64_t in = a.integer("in_features"), out = a.integer("out_features");
    const Ref<Layer> base = c.params.contains("base_module.kernel") ? Ref<Layer>(make<Linear>(in, out, rngs)) : Ref<Layer>();
    return make<LoRA>(in, a.integer("lora_rank"), out, rngs, base);
  }
  if (c.layer == "LoRALinear") return make<LoRALinear>(a.integer("in_features"), a.integer("out_features"), a.integer("lora_rank"), rngs);
  if (c.layer == "MLP") return guide_mlp(a, rngs);
  if (c.layer == "gelu") return make<Activation>(a.flag("approximate") ? "gelu" : "gelu_exact");
  for (const std::string parameter : {"alpha", "negative_slope", "b", "epsilon"})
    if (a.has(parameter)) return make<Activation>(c.layer, a.number(parameter));
  return make<Activation>(c.layer);
}

void set_all(const Ref<Layer>& layer, const GoldenArrays& values) {
  State state = nnx::state(layer);
  for (const auto& [path, value] : values) state.set(path, array_of(value));
  update(layer, state);
}

void check_gradients(const GoldenCase& c, const State& grads, const std::map<std::string, Array>& inputs) {
  for (const auto& [path, want] : c.grads) {
    const Array got = inputs.contains(path) ? inputs.at(path) : grads[path];
    const std::vector<float> values = values_of(got);
    CAPTURE(path);
    CHECK(mismatch(std::span<const float>(values), want) == "");
  }
}

void check_layer(const GoldenCase& c) {
  CAPTURE(c.name);
  const Ref<Layer> layer = layer_for(c);
  set_all(layer, c.params);
  set_all(layer, c.state);
  const Array x = array_of(c.inputs.at("x")), cotangent = array_of(c.cotangent);
  const auto weighted = [](Ref<Layer> l, Array input, Array ct) {
    const Array y = l(input);
    return std::pair(sum(y * ct), y);
  };
  const auto step = jit([&](Ref<Layer> l, Array input, Array ct) { return value_and_grad<0, 1>(weighted)(l, input, ct); });
  const auto [result, grads] = step(layer, x, cotangent);
  const std::vector<float> output = values_of(result.second);
  CHECK(mismatch(std::span<const float>(output), c.output) == "");
  check_gradients(c, std::get<0>(grads), {{"x", std::get<1>(grads)}});
  const State after = nnx::state(layer);
  for (const auto& [path, want] : c.new_state) {
    const std::vector<float> got = values_of(after[path]);
    CHECK(mismatch(std::span<const float>(got), want) == "");
  }
}

// Functions with an axis, which layers leave at the last one.
Array apply_along(const std::string& name, const Array& x, int axis) {
  if (name == "glu") return glu(x, axis);
  if (name == "softmax") return softmax(x, axis);
  if (name == "log_softmax") return log_softmax(x, axis);
  return logsumexp(x, {axis});
}

}  // namespace

TEST_CASE("layers agree with PyTorch") {
  int checked = 0;
  for (const GoldenCase& c : golden_layers()) {
    const bool is_loss = c.layer == "mse" || c.layer.ends_with("cross_entropy");
    if (is_loss || c.layer == "Dropout" || c.layer == "logsumexp" || c.name.ends_with("_axis0")) continue;
    check_layer(c);
    ++checked;
  }
  CHECK(checked >= 55);
}

TEST_CASE("functions along an axis agree with PyTorch") {
  for (const GoldenCase& c : golden_layers()) {
    if (c.layer != "logsumexp" && !c.name.ends_with("_axis0")) continue;
    CAPTURE(c.name);
    const int axis = static_cast<int>(c.args.integer("axis"));
    const Array ct = array_of(c.cotangent);
    const auto f = [&](Array x) {
      const Array y = apply_along(c.layer, x, axis);
      return std::pair(sum(y * ct), y);
    };
    const auto [result, grad_x] = value_and_grad(f)(array_of(c.inputs.at("x")));
    const std::vector<float> y = values_of(result.second), dx = values_of(grad_x);
    CHECK(mismatch(std::span<const float>(y), c.output) == "");
    CHECK(mismatch(std::span<const float>(dx), c.grads.at("x")) == "");
  }
}

TEST_CASE("dropout keeps, scales and differentiates through a given mask") {
  for (const GoldenCase& c : golden_layers("Dropout")) {
    const double keep = 1 - c.args.number("rate");
    const Array mask = cast(array_of(c.inputs.at("mask")), DType::boolean), ct = array_of(c.cotangent);
    const auto f = [&](Array x) {
      const Array y = select(mask, x / keep, zeros_like(x));
      return std::pair(sum(y * ct), y);
    };
    const auto [result, grad_x] = value_and_grad(f)(array_of(c.inputs.at("x")));
    const std::vector<float> y = values_of(result.second), dx = values_of(grad_x);
    CHECK(mismatch(std::span<const float>(y), c.output) == "");
    CHECK(mismatch(std::span<const float>(dx), c.grads.at("x")) == "");
  }
}

TEST_CASE("losses agree with PyTorch") {
  for (const std::string name : {"mse", "softmax_cross_entropy", "sigmoid_binary_cross_entropy"})
    for (const GoldenCase& c : golden_layers(name)) {
      CAPTURE(c.name);
      const bool averaged = c.args.text("reduction") == "mean";
      const std::string first = name == "mse" ? "predictions" : "logits", second = name == "mse" ? "targets" : "labels";
      const Array target = array_of(c.inputs.at(second)), ct = array_of(c.cotangent);
      const auto f = [&](Array prediction) {
        Array y = name == "mse"                     ? squared_error(prediction, target)
                  : name == "softmax_cross_entropy" ? softmax_cross_entropy(prediction, target)
                                                    : sigmoid_binary_cross_entropy(prediction, target);
        if (averaged) y = mean(y);
        return std::pair(sum(y * ct), y);
      };
      const auto [result, grad_x] = value_and_grad(f)(array_of(c.inputs.at(first)));
      const std::vector<float> y = values_of(result.second), dx = values_of(grad_x);
      CHECK(mismatch(std::span<const float>(y), c.output) == "");
      CHECK(mismatch(std::span<const float>(dx), c.grads.at(first)) == "");
    }
}
