// Activations, normalisation and losses: values and gradients against PyTorch's (tests/golden/layers.json) in f64 and
// f32, then what those files do not reach.
#include "ops/neural.h"

#include <map>

#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/reduce.h"
#include "ops/shape.h"
#include "ops/values.h"
#include "support/golden.h"

namespace nnx::test {
namespace {

using Layer = std::function<Array(const GoldenArgs&, std::span<const Array>)>;

int axis_of(const GoldenArgs& args) { return static_cast<int>(args.integer("axis")); }

// By the golden name of the layer: what computes it from its inputs.
const std::map<std::string, Layer>& one_input_layers() {
  using Args = GoldenArgs;
  using In = std::span<const Array>;
  static const std::map<std::string, Layer> layers = {
      {"relu", [](const Args&, In in) { return relu(in[0]); }},
      {"relu6", [](const Args&, In in) { return relu6(in[0]); }},
      {"gelu", [](const Args& a, In in) { return gelu(in[0], a.flag("approximate")); }},
      {"silu", [](const Args&, In in) { return silu(in[0]); }},
      {"sigmoid", [](const Args&, In in) { return sigmoid(in[0]); }},
      {"log_sigmoid", [](const Args&, In in) { return log_sigmoid(in[0]); }},
      {"softplus", [](const Args&, In in) { return softplus(in[0]); }},
      {"elu", [](const Args& a, In in) { return elu(in[0], a.has("alpha") ? a.number("alpha") : 1); }},
      {"celu", [](const Args& a, In in) { return celu(in[0], a.has("alpha") ? a.number("alpha") : 1); }},
      {"selu", [](const Args&, In in) { return selu(in[0]); }},
      {"leaky_relu", [](const Args&, In in) { return leaky_relu(in[0]); }},
      {"hard_tanh", [](const Args&, In in) { return hard_tanh(in[0]); }},
      {"hard_sigmoid", [](const Args&, In in) { return hard_sigmoid(in[0]); }},
      {"hard_silu", [](const Args&, In in) { return hard_silu(in[0]); }},
      {"soft_sign", [](const Args&, In in) { return soft_sign(in[0]); }},
      {"mish", [](const Args&, In in) { return mish(in[0]); }},
      {"squareplus", [](const Args&, In in) { return squareplus(in[0]); }},
      {"glu", [](const Args& a, In in) { return glu(in[0], axis_of(a)); }},
      {"softmax", [](const Args& a, In in) { return softmax(in[0], axis_of(a)); }},
      {"log_softmax", [](const Args& a, In in) { return log_softmax(in[0], axis_of(a)); }},
      {"standardize", [](const Args& a, In in) { return standardize(in[0], axis_of(a), a.number("epsilon")); }},
  };
  return layers;
}

Array to_array(const GoldenArray& g, DType real) {
  const Shape shape(g.shape);
  if (g.dtype == "i32" || g.dtype == "u32") return array<int32_t>(g.as<int32_t>(), shape);
  return real == DType::f32 ? array<float>(g.floats(), shape) : array<double>(g.values, shape);
}

// Output and gradients of a golden case; `names` are the inputs and parameters `f` takes, in order.
void check_case(const GoldenCase& c, const std::vector<std::string>& names, const Function& f) {
  for (const DType real : {DType::f64, DType::f32}) {
    INFO(c.name << " in " << name_of(real));
    Arrays in;
    for (const std::string& name : names)
      in.push_back(to_array(c.inputs.contains(name) ? c.inputs.at(name) : c.params.at(name), real));
    // PyTorch's f64 gradient of hard_sigmoid multiplies by 1/6 rounded to f32
    const double exact = c.layer == "hard_sigmoid" ? 1e-7 : 1e-11;
    const double relative = real == DType::f64 ? exact : 1e-5, absolute = real == DType::f64 ? exact : 1e-6;
    const Array out = f(in);
    CHECK(out.dtype() == real);
    CHECK(mismatch(to_doubles(out), c.output, relative, absolute) == "");
    const Arrays grads = gradients(f, in, to_array(c.cotangent, real));
    size_t next = 0;
    for (size_t i = 0; i < names.size(); ++i) {
      if (!is_floating(in[i].dtype())) continue;
      const Array& grad = grads[next++];
      INFO("gradient of " << names[i]);
      if (c.grads.contains(names[i])) CHECK(mismatch(to_doubles(grad), c.grads.at(names[i]), relative, absolute) == "");
    }
  }
}

TEST_CASE_FIXTURE(WithReference, "functions of one array are PyTorch's, and so are their gradients") {
  for (const auto& [name, layer] : one_input_layers())
    for (const GoldenCase& c : golden_layers(name))
      check_case(c, {"x"}, [&](std::span<const Array> in) { return layer(c.args, in); });
}

TEST_CASE_FIXTURE(WithReference, "layer_norm is PyTorch's") {
  for (const GoldenCase& c : golden_layers("LayerNorm")) {
    const bool scale = c.args.flag("use_scale"), bias = c.args.flag("use_bias");
    std::vector<std::string> names{"x"};
    if (scale) names.push_back("scale");
    if (bias) names.push_back("bias");
    check_case(c, names, [&](std::span<const Array> in) {
      return layer_norm(in[0], scale ? in[1] : Array(), bias ? in.back() : Array(), c.args.number("epsilon"));
    });
  }
  check_values(layer_norm(f64({1, 2, 3, 4}), {}, {}, 1e-6), {4}, {-1.34164025, -0.44721342, 0.44721342, 1.34164025},
               1e-8);
}

TEST_CASE_FIXTURE(WithReference, "batch_norm with the moments of the batch is PyTorch's") {
  for (const GoldenCase& c : golden_layers("BatchNorm")) {
    if (c.args.flag("use_running_average")) continue;
    check_case(c, {"x", "scale", "bias"}, [&](std::span<const Array> in) {
      const Arrays m = moments(in[0]);
      return batch_norm(in[0], m[0], m[1], in[1], in[2], c.args.number("epsilon"));
    });
  }
  const Array x = f64({1, 2, 3, 6}, {2, 2});
  const Arrays m = moments(x);
  check_values(m[0], {2}, {2, 4});
  check_values(m[1], {2}, {1, 4});
  check_values(batch_norm(x, m[0], m[1], {}, {}, 1e-5), {2, 2}, {-0.999995, -0.99999875, 0.999995, 0.99999875}, 1e-9);
  check_values(batch_norm(x, f64({0.02, 0.04}), f64({1, 1.03}), {}, f64({0, 0}), 1e-5), {2, 2},
               {0.97999510, 1.93123601, 2.97998510, 5.87253399}, 1e-8);
}

TEST_CASE_FIXTURE(WithReference, "moments of what barely varies are not negative") {
  const Arrays m = moments(full({7, 1}, 1000.1));
  CHECK(m[1].item<float>() >= 0);
  check_values(moments(f64({3, 5}))[1], {2}, {0, 0});   // no rows: each channel is its own mean
}

TEST_CASE_FIXTURE(WithReference, "losses are PyTorch's") {
  const auto reduced = [](const GoldenCase& c, const Array& loss) {
    return c.args.text("reduction") == "mean" ? mean(loss) : loss;
  };
  for (const GoldenCase& c : golden_layers("softmax_cross_entropy"))
    check_case(c, {"logits", "labels"},
               [&](std::span<const Array> in) { return reduced(c, softmax_cross_entropy(in[0], in[1])); });
  for (const GoldenCase& c : golden_layers("sigmoid_binary_cross_entropy"))
    check_case(c, {"logits", "labels"},
               [&](std::span<const Array> in) { return reduced(c, sigmoid_binary_cross_entropy(in[0], in[1])); });
  for (const GoldenCase& c : golden_layers("mse"))
    check_case(c, {"predictions", "targets"},
               [&](std::span<const Array> in) { return reduced(c, squared_error(in[0], in[1])); });
  check_values(softmax_cross_entropy(f64({10, 1, -2, 1, 4, 0.2}, {2, 3}), i32({1, 0})), {2},
               {9.000129545625043, 3.069673290824963}, 1e-12);
  check_values(mean(sigmoid_binary_cross_entropy(f64({-1e9, -1e-9}), f64({1, 0}))), {}, {5e8}, 1);
  // a label out of range has no logit, in the value and in the gradient
  const Function ce = [](std::span<const Array> in) { return softmax_cross_entropy(in[0], in[1]); };
  const Array logits = f64({0, 0}, {1, 2});
  check_values(softmax_cross_entropy(logits, i32({-1})), {1}, {std::log(2)}, 1e-12);
  check_values(gradients(ce, {logits, i32({-1})}, f64({1}))[0], {1, 2}, {0.5, 0.5}, 1e-12);
}

TEST_CASE_FIXTURE(WithReference, "values printed in the census of activations") {
  const Array x = f64({-2, -1, 0, 1, 2});
  check_values(gelu(x), {5}, {-0.04540231, -0.15880801, 0, 0.84119199, 1.95459769}, 1e-8);
  check_values(gelu(x, false), {5}, {-0.04550026, -0.15865525, 0, 0.84134475, 1.95449974}, 1e-8);
  check_values(softplus(x), {5}, {0.12692801, 0.31326169, 0.69314718, 1.31326169, 2.12692801}, 1e-8);
  check_values(mish(x), {5}, {-0.25250148, -0.30340146, 0, 0.86509839, 1.94395896}, 1e-8);
  check_values(selu(x), {5}, {-1.52016647, -1.11133074, 0, 1.05070099, 2.10140197}, 1e-8);
  check_values(hard_silu(f64({-4, -2, -1, 1, 2, 4})), {6}, {0, -1.0 / 3, -1.0 / 3, 2.0 / 3, 5.0 / 3, 4}, 1e-15);
}

TEST_CASE_FIXTURE(WithReference, "softplus is smooth at 0, and exact far out") {
  const Function f = [](std::span<const Array> in) { return softplus(in[0]); };
  const Function df = [&](std::span<const Array> in) {
    return nnx::apply(vjp(graph_of(f, {f64({0})}), {0}, {0}), Arrays{in[0], ones({1}, DType::f64)})[1];
  };
  check_values(gradients(f, {f64({0})}, f64({1}))[0], {1}, {0.5});
  check_values(gradients(df, {f64({0})}, f64({1}))[0], {1}, {0.25});
  CHECK(softplus(scalar(-50.0f)).item<float>() == doctest::Approx(std::exp(-50.0)).epsilon(1e-6));
  CHECK(softplus(scalar(1e30f)).item<float>() == 1e30f);
}

TEST_CASE_FIXTURE(WithReference, "fused ops are what their expansions are, and their rules emit few nodes") {
  const Array x = make_array({{DType::f64, {3, 4}}}, 1);
  const auto vjp_of = [&](const Function& f) { return vjp(graph_of(f, {x}), {0}, {0}); };
  const Graph relu_vjp = vjp_of([](std::span<const Array> in) { return relu(in[0]); });
  CHECK(count_ops(relu_vjp, "relu") == 1);
  CHECK(count_ops(relu_vjp, "maximum") == 0);
  const Graph norm_vjp = vjp_of([](std::span<const Array> in) { return layer_norm(in[0], {}, {}, 1e-6); });
  CHECK(count_ops(norm_vjp, "layer_norm_grad") == 1);
  const Function ce = [](std::span<const Array> in) { return softmax_cross_entropy(in[0], in[1]); };
  CHECK(count_ops(vjp(graph_of(ce, {x, i32({0, 1, 2})}), {0}, {0}), "softmax_cross_entropy_grad") == 1);
  // softmax of large numbers and of a masked row's -inf
  check_values(softmax(f64({1000, 1000, -INFINITY})), {3}, {0.5, 0.5, 0});
  check_values(log_softmax(f64({1000, 1000})), {2}, {-std::log(2), -std::log(2)}, 1e-12);
}

TEST_CASE_FIXTURE(WithReference, "examples with scales of their own") {
  const Array x = make_array({{DType::f64, {2, 3, 4}}}, 1), scale = make_array({{DType::f64, {2, 4}}}, 2);
  const Array bias = make_array({{DType::f64, {4}}}, 3);
  const Function f = [](std::span<const Array> in) { return layer_norm(in[0], in[1], in[2], 1e-6); };
  const Array out =
      reference::evaluate(batched(f, {x, scale, bias}, {true, true, false}, 2), Arrays{x, scale, bias})[0];
  for (int64_t i = 0; i < 2; ++i)
    CHECK(difference(index_axis(out, 0, i), layer_norm(index_axis(x, 0, i), index_axis(scale, 0, i), bias, 1e-6),
                     1e-12) == "");
  const Function shared = [](std::span<const Array> in) { return layer_norm(in[0], in[1], {}, 1e-6); };
  CHECK(batched(shared, {x, bias}, {true, false}, 2).nodes.size() == 3);   // more rows of one op
}

TEST_CASE_FIXTURE(WithReference, "errors of neural ops") {
  const Array x = zeros({2, 3});
  CHECK_THROWS_WITH_AS(relu(zeros({2}, DType::i32)), "relu: expected f32 or f64, got i32[2]", Error);
  CHECK_THROWS_WITH_AS(softmax(x, 2), "softmax: expected an axis in [-2, 2), got 2", Error);
  CHECK_THROWS_WITH_AS(glu(x), "glu: expected an even dimension 1, got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(layer_norm(x, zeros({2}), {}, 1e-6),
                       "layer_norm: expected vectors [3] beside the array, got f32[2,3] and f32[2]", Error);
  CHECK_THROWS_WITH_AS(layer_norm(zeros({}), {}, {}, 1e-6), "layer_norm: expected an array [..., C], got f32[]", Error);
  CHECK_THROWS_WITH_AS(batch_norm(x, zeros({3}), zeros({2}), {}, {}, 1e-5),
                       "batch_norm: expected vectors [3] beside the array, got f32[2,3], f32[3] and f32[2]", Error);
  CHECK_THROWS_WITH_AS(moments(zeros({2}, DType::i32)), "moments: expected f32 or f64, the same for all, got i32[2]",
                       Error);
  CHECK_THROWS_WITH_AS(
      softmax_cross_entropy(x, x),
      "softmax_cross_entropy: expected logits [..., K] and integer labels [...], got f32[2,3] and f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(
      softmax_cross_entropy(x, i32({0})),
      "softmax_cross_entropy: expected logits [..., K] and integer labels [...], got f32[2,3] and i32[1]", Error);
}

}  // namespace
}  // namespace nnx::test
