#include "nn/activation.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnx {
namespace {

constexpr ActivationEntry entries[] = {
    {"identity", "x", [](const Array& x, double) { return x; }},
    {"relu", "max(x, 0)", [](const Array& x, double) { return relu(x); }},
    {"relu6", "min(max(x, 0), 6)", [](const Array& x, double) { return relu6(x); }},
    {"gelu", "x times the normal distribution function, by tanh", [](const Array& x, double) { return gelu(x, true); }},
    {"gelu_exact", "x times the normal distribution function, by erf", [](const Array& x, double) { return gelu(x, false); }},
    {"silu", "x * sigmoid(x)", [](const Array& x, double) { return silu(x); }},
    {"swish", "x * sigmoid(x)", [](const Array& x, double) { return silu(x); }},
    {"sigmoid", "1 / (1 + exp(-x))", [](const Array& x, double) { return sigmoid(x); }},
    {"log_sigmoid", "log(sigmoid(x))", [](const Array& x, double) { return log_sigmoid(x); }},
    {"tanh", "hyperbolic tangent", [](const Array& x, double) { return tanh(x); }},
    {"softplus", "log(1 + exp(x))", [](const Array& x, double) { return softplus(x); }},
    {"elu", "x if positive, else alpha (exp(x) - 1)", [](const Array& x, double p) { return elu(x, p); }, "alpha", 1},
    {"celu", "max(x, 0) + min(0, alpha (exp(x / alpha) - 1))", [](const Array& x, double p) { return celu(x, p); }, "alpha", 1},
    {"selu", "scaled elu", [](const Array& x, double) { return selu(x); }},
    {"leaky_relu", "x if positive, else negative_slope x", [](const Array& x, double p) { return leaky_relu(x, p); }, "negative_slope", 0.01},
    {"hard_tanh", "x cut to [-1, 1]", [](const Array& x, double) { return hard_tanh(x); }},
    {"hard_sigmoid", "relu6(x + 3) / 6", [](const Array& x, double) { return hard_sigmoid(x); }},
    {"hard_silu", "x * hard_sigmoid(x)", [](const Array& x, double) { return hard_silu(x); }},
    {"hard_swish", "x * hard_sigmoid(x)", [](const Array& x, double) { return hard_silu(x); }},
    {"soft_sign", "x / (|x| + 1)", [](const Array& x, double) { return soft_sign(x); }},
    {"glu", "first half of the last axis times the sigmoid of the second", [](const Array& x, double) { return glu(x, -1); }},
    {"mish", "x * tanh(softplus(x))", [](const Array& x, double) { return mish(x); }},
    {"squareplus", "(x + sqrt(x^2 + b)) / 2", [](const Array& x, double p) { return squareplus(x, p); }, "b", 4},
    {"softmax", "exp(x) / sum(exp(x)) over the last axis", [](const Array& x, double) { return softmax(x, -1); }},
    {"log_softmax", "log(softmax(x)) over the last axis", [](const Array& x, double) { return log_softmax(x, -1); }},
    {"standardize", "zero mean and unit variance over the last axis", [](const Array& x, double p) { return standardize(x, -1, p); }, "epsilon", 1e-5},
};

const ActivationEntry& entry_named(std::string_view name) {
  const auto entry = std::ranges::find(entries, name, &ActivationEntry::name);
  if (entry != std::end(entries)) return *entry;
  std::vector<std::string> names;
  for (const ActivationEntry& e : entries) names.emplace_back(e.name);
  const std::string near = nearest(name, names);
  fail(ErrorKind::structure, {.where = "Activation", .expected = "the name of an activation", .got = in_quotes(name),
                              .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
}

struct GeluOptions {
  bool approximate = true;
  static void fields(auto& self, auto&& f) { f("approximate", self.approximate, Field{.help = "by tanh rather than erf"}); }
};
struct AlphaOptions {
  double alpha = 1;
  static void fields(auto& self, auto&& f) { f("alpha", self.alpha, Field{.help = "scale of the negative part"}.above(0)); }
};
struct SlopeOptions {
  double negative_slope = 0.01;
  static void fields(auto& self, auto&& f) { f("negative_slope", self.negative_slope, Field{.help = "slope for negative inputs"}); }
};
struct SquareplusOptions {
  double b = 4;
  static void fields(auto& self, auto&& f) { f("b", self.b, Field{.help = "width of the bend"}.above(0)); }
};
struct StandardizeOptions {
  double epsilon = 1e-5;
  static void fields(auto& self, auto&& f) { f("epsilon", self.epsilon, Field{.help = "added to the variance"}.at_least(0)); }
};
struct PReLUOptions {
  double negative_slope_init = 0.01;
  static void fields(auto& self, auto&& f) { f("negative_slope_init", self.negative_slope_init, Field{.help = "first slope for negative inputs"}); }
};

}  // namespace

std::span<const ActivationEntry> activation_entries() { return entries; }

Activation::Activation(std::string name) : Activation(name, entry_named(name).initial) {}
Activation::Activation(std::string name, double value) : function(std::move(name)), parameter(value) { entry_named(function); }

Array Activation::operator()(const Array& x) { return entry_named(function).apply(x, parameter); }

PReLU::PReLU(double negative_slope_init, Rngs&) : negative_slope(scalar(static_cast<float>(negative_slope_init))) {}

Array PReLU::operator()(const Array& x) { return select(greater_equal(x, 0), x, negative_slope.get() * x); }

void add_activations(Layers& layers) {
  for (const ActivationEntry& e : entries) {
    const std::string name(e.name), help(e.help);
    if (name == "gelu")
      layers.add<GeluOptions>(name, help, [](const GeluOptions& o, Rngs&) -> Ref<Layer> { return make<Activation>(o.approximate ? "gelu" : "gelu_exact"); });
    else if (e.parameter == "alpha")
      layers.add<AlphaOptions>(name, help, [name](const AlphaOptions& o, Rngs&) -> Ref<Layer> { return make<Activation>(name, o.alpha); });
    else if (e.parameter == "negative_slope")
      layers.add<SlopeOptions>(name, help, [name](const SlopeOptions& o, Rngs&) -> Ref<Layer> { return make<Activation>(name, o.negative_slope); });
    else if (e.parameter == "b")
      layers.add<SquareplusOptions>(name, help, [name](const SquareplusOptions& o, Rngs&) -> Ref<Layer> { return make<Activation>(name, o.b); });
    else if (e.parameter == "epsilon")
      layers.add<StandardizeOptions>(name, help, [name](const StandardizeOptions& o, Rngs&) -> Ref<Layer> { return make<Activation>(name, o.epsilon); });
    else
      layers.add<NoOptions>(name, help, [name](const NoOptions&, Rngs&) -> Ref<Layer> { return make<Activation>(name); });
  }
  layers.add<PReLUOptions>("PReLU", "max(x, 0) + slope min(x, 0) with a learned slope",
                           [](const PReLUOptions& o, Rngs& rngs) -> Ref<Layer> { return make<PReLU>(o.negative_slope_init, rngs); });
}

}  // namespace nnx
