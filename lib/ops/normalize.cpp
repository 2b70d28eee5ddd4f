// Softmax and the normalisations of mean and variance.
#include <fmt/format.h>

#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/neural.h"
#include "ops/neural_rules.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace nnx {
namespace {

// ---- softmax

std::vector<Type> infer_along_axis(std::string_view op, std::span<const Type> in, const Attrs& attrs) {
  expect_inputs(op, in, 1);
  expect_floating(op, in);
  expect_axis(op, attrs.as<AxisAttrs>().axis, in);
  return {in[0]};
}

Arrays batch_along_axis(const BatchArgs& args) {
  return emit(args.op, AxisAttrs{args.attrs.as<AxisAttrs>().axis + 1}, args.in);
}

// x less its largest value, which is constant to derivatives.
Array max_subtracted(const Array& x, int axis) { return x - stop_gradient(max(x, {axis}, true)); }

constexpr OpDef softmax_op{
    .name = "softmax",
    .family = Family::neural,
    .infer = [](std::span<const Type> in, const Attrs& attrs) { return infer_along_axis("softmax", in, attrs); },
    .vjp = [](const VjpArgs& args) {
      const Array weighted = args.ct[0] * args.out[0];
      return Arrays{weighted - args.out[0] * sum(weighted, {args.attrs.as<AxisAttrs>().axis}, true)};
    },
    .batch = batch_along_axis,
    .expand = [](std::span<const Array> in, const Attrs& attrs) {
      const int axis = attrs.as<AxisAttrs>().axis;
      const Array e = exp(max_subtracted(in[0], axis));
      return Arrays{e / sum(e, {axis}, true)};
    },
};

constexpr OpDef log_softmax_op{
    .name = "log_softmax",
    .family = Family::neural,
    .infer = [](std::span<const Type> in, const Attrs& attrs) { return infer_along_axis("log_softmax", in, attrs); },
    .vjp = [](const VjpArgs& args) {
      return Arrays{args.ct[0] - exp(args.out[0]) * sum(args.ct[0], {args.attrs.as<AxisAttrs>().axis}, true)};
    },
    .batch = batch_along_axis,
    .expand = [](std::span<const Array> in, const Attrs& attrs) {
      const int axis = attrs.as<AxisAttrs>().axis;
      const Array x = max_subtracted(in[0], axis);
      return Arrays{x - log(sum(exp(x), {axis}, true))};
    },
};

// ---- layer_norm

// Mean and "fast" variance max(0, E x^2 - (E x)^2) over `axes`: both sums can be made in one pass over x.
struct Moments {
  Array mean, var;
};

Moments moments_over(const Array& x, const Axes& axes, bool keepdims) {
  int64_t count = 1;
  for (const int axis : axes) count *= x.dim(axis);
  const double scale = 1.0 / static_cast<double>(count);
  const Array mean = sum(x, axes, keepdims) * scale;
  const Array mean_of_square = sum(square(x), axes, keepdims) * scale;
  return {mean, maximum(mean_of_square - square(mean), 0.0)};
}

// x is [..., C] and floating, and inputs 1 to `vectors` are [C].
void expect_channels(std::string_view op, std::span<const Type> in, size_t vectors) {
  expect_floating(op, in);
  if (in[0].shape.rank() < 1) fail_types(op, "an array [..., C]", in);
  for (size_t i = 1; i <= vectors; ++i)
    if (in[i].shape != Shape{in[0].shape.back()})
      fail_types(op, fmt::format("vectors [{}] beside the array", in[0].shape.back()), in);
}

std::vector<Type> infer_layer_norm(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<NormAttrs>();
  const size_t vectors = size_t{a.has_scale} + a.has_bias;
  expect_inputs("layer_norm", in, 1 + vectors);
  expect_channels("layer_norm", in, vectors);
  return {in[0]};
}

Arrays expand_layer_norm(std::span<const Array> in, const Attrs& attrs) {
  const auto& a = attrs.as<NormAttrs>();
  const Array& x = in[0];
  const Moments m = moments_over(x, {x.rank() - 1}, true);
  Array multiplier = rsqrt(m.var + a.epsilon);
  if (a.has_scale) multiplier = multiplier * in[1];
  const Array y = (x - m.mean) * multiplier;
  return {a.has_bias ? y + in.back() : y};
}

const OpDef& layer_norm_grad_record();

Arrays vjp_layer_norm(const VjpArgs& args) {
  Arrays in(args.in.begin(), args.in.begin() + (args.attrs.as<NormAttrs>().has_scale ? 2 : 1));
  in.push_back(args.ct[0]);
  return emit(layer_norm_grad_record(), args.attrs, in);
}

// Examples of one scale and bias are more rows; with a scale or bias of their own they are scaled after the op.
Arrays batch_layer_norm(const BatchArgs& args) {
  const auto& a = args.attrs.as<NormAttrs>();
  bool vectors_batched = false;
  for (size_t i = 1; i < args.in.size(); ++i) vectors_batched = vectors_batched || args.batched[i];
  if (!vectors_batched) return emit(args.op, args.attrs, args.in);
  const Array x = batched_input(args, 0);
  auto along_rows = [&](size_t i) {
    return broadcast_in_dim(batched_input(args, i), x.shape(), {0, x.rank() - 1});
  };
  Array y = layer_norm(x, {}, {}, a.epsilon);
  if (a.has_scale) y = y * along_rows(1);
  if (a.has_bias) y = y + along_rows(args.in.size() - 1);
  return {y};
}

constexpr OpDef layer_norm_op{.name = "layer_norm", .family = Family::neural, .infer = infer_layer_norm,
                              .vjp = vjp_layer_norm, .batch = batch_layer_norm, .expand = expand_layer_norm};

std::vector<Type> infer_layer_norm_grad(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<NormAttrs>();
  expect_inputs("layer_norm_grad", in, a.has_scale ? 3 : 2);
  expect_channels("layer_norm_grad", in, a.has_scale ? 1 : 0);
  if (in.back() != in[0]) fail_types("layer_norm_grad", "a cotangent of the array's type", in);
  const Type vector{in[0].dtype, {in[0].shape.back()}};
  std::vector<Type> types(1 + size_t{a.has_scale} + a.has_bias, vector);
  types[0] = in[0];
  return types;
}

// With n = (x - mean) r and g = ct scale: dx = r (g - E g - n E[g n]), dscale = sum ct n, dbias = sum ct.
Arrays expand_layer_norm_grad(std::span<const Array> in, const Attrs& attrs) {
  const auto& a = attrs.as<NormAttrs>();
  const Array &x = in[0], &ct = in.back();
  const int channel = x.rank() - 1;
  const Axes rows = first_axes(channel);
  const double per_channel = 1.0 / static_cast<double>(x.dim(channel));
  const Moments m = moments_over(x, {channel}, true);
  const Array r = rsqrt(m.var + a.epsilon);
  const Array n = (x - m.mean) * r;
  const Array g = a.has_scale ? ct * in[1] : ct;
  const Array mean_g = sum(g, {channel}, true) * per_channel;
  const Array mean_gn = sum(g * n, {channel}, true) * per_channel;
  auto over_rows = [&](const Array& v) { return rows.empty() ? v : sum(v, rows); };
  Arrays out{(g - mean_g - n * mean_gn) * r};
  if (a.has_scale) out.push_back(over_rows(ct * n));
  if (a.has_bias) out.push_back(over_rows(ct));
  return out;
}

constexpr OpDef layer_norm_grad_op{.name = "layer_norm_grad", .family = Family::neural, .infer = infer_layer_norm_grad,
                                   .expand = expand_layer_norm_grad};

const OpDef& layer_norm_grad_record() { return layer_norm_grad_op; }

}  // namespace

std::span<const OpDef* const> normalization_ops() {
  static constexpr const OpDef* ops[] = {&softmax_op, &log_softmax_op, &layer_norm_op, &layer_norm_grad_op};
  return ops;
}

Array softmax(const Array& x, int axis) {
  return emit1(softmax_op, AxisAttrs{normalize_axis(axis, x.rank(), "softmax")}, {x});
}

Array log_softmax(const Array& x, int axis) {
  return emit1(log_softmax_op, AxisAttrs{normalize_axis(axis, x.rank(), "log_softmax")}, {x});
}

Array standardize(const Array& x, int axis, double epsilon) {
  expect_floating("standardize", {&x.type(), 1});
  const Moments m = moments_over(x, {normalize_axis(axis, x.rank(), "standardize")}, true);
  return (x - m.mean) * rsqrt(m.var + epsilon);
}

Array layer_norm(const Array& x, const Array& scale, const Array& bias, double epsilon) {
  Arrays in{x};
  if (scale.defined()) in.push_back(scale);
  if (bias.defined()) in.push_back(bias);
  return emit(layer_norm_op, NormAttrs{epsilon, scale.defined(), bias.defined()}, in).front();
}

Array batch_norm(const Array& x, const Array& mean, const Array& var, const Array& scale, const Array& bias,
                 double epsilon) {
  std::vector<Type> types{x.type(), mean.type(), var.type()};
  for (const Array& v : {scale, bias})
    if (v.defined()) types.push_back(v.type());
  expect_channels("batch_norm", types, types.size() - 1);
  Array multiplier = rsqrt(var + epsilon);
  if (scale.defined()) multiplier = multiplier * scale;
  const Array y = (x - mean) * multiplier;
  return bias.defined() ? y + bias : y;
}

Arrays moments(const Array& x) {
  expect_channels("moments", {&x.type(), 1}, 0);
  const Axes rows = first_axes(x.rank() - 1);
  if (rows.empty()) return {x, zeros_like(x)};
  const Moments m = moments_over(x, rows, false);
  return {m.mean, m.var};
}

}  // namespace nnx
