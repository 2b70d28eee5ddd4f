#include "ops/cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "ops/attrs.h"
#include "ops/attrs_members.h"
#include "ops/ops.h"

namespace nnx::test {
namespace {

constexpr DType i32 = DType::i32, u32 = DType::u32, boolean = DType::boolean;
constexpr double pi = 3.14159265358979;
constexpr double word_max = 4294967295.0;

Sample sample(std::vector<Input> inputs) { return {.inputs = std::move(inputs)}; }

template <class A> Sample sample(std::vector<Input> inputs, A attrs) {
  return {.inputs = std::move(inputs), .attrs = attrs, .perturbed = perturbations(attrs), .members = member_count<A>()};
}

Input flags(Shape shape) { return {{boolean, shape}, 0, 1}; }
Input indices(Shape shape, int64_t n) { return {{i32, shape}, 0, static_cast<double>(n - 1)}; }

// Shapes that every elementwise op is tried on: a scalar, one element, an odd vector, an odd matrix, an empty one.
const std::vector<Shape>& odd_shapes() {
  static const std::vector<Shape> shapes{{}, {1}, {17}, {3, 5}, {0, 3}};
  return shapes;
}

std::vector<Sample> over_shapes(DType dtype, std::vector<std::pair<double, double>> ranges) {
  std::vector<Sample> samples;
  for (const Shape& shape : odd_shapes()) {
    std::vector<Input> inputs;
    for (const auto& [low, high] : ranges) inputs.push_back({{dtype, shape}, low, high});
    samples.push_back(sample(inputs));
  }
  return samples;
}

Row elementwise(std::string op, DType real, std::vector<std::pair<double, double>> ranges) {
  return {std::move(op), over_shapes(real, std::move(ranges))};
}

Row with(Row row, const std::vector<Sample>& more) {
  row.samples.insert(row.samples.end(), more.begin(), more.end());
  return row;
}

Sample vectors(DType dtype, std::vector<std::pair<double, double>> ranges) {
  std::vector<Input> inputs;
  for (const auto& [low, high] : ranges) inputs.push_back({{dtype, {17}}, low, high});
  return sample(inputs);
}

void add_arithmetic(std::vector<Row>& rows, DType real) {
  for (const std::string op : {"add", "sub", "mul", "maximum", "minimum"})
    rows.push_back(with(elementwise(op, real, {{-2, 2}, {-2, 2}}),
                        {vectors(i32, {{-9, 9}, {-9, 9}}), vectors(u32, {{0, word_max}, {0, word_max}})}));
  rows.push_back(elementwise("div", real, {{-2, 2}, {0.5, 2}}));
  rows.push_back(with(elementwise("rem", real, {{3.3, 3.9}, {1.4, 1.5}}),  // the quotient stays between two integers
                      {vectors(i32, {{-9, 9}, {1, 4}}), vectors(u32, {{0, word_max}, {1, 9}})}));
  rows.push_back(elementwise("pow", real, {{0.5, 2}, {-2, 2}}));
  for (const std::string op : {"negative", "abs", "sign"})
    rows.push_back(with(elementwise(op, real, {{-2, 2}}), {vectors(i32, {{-9, 9}})}));
}

void add_functions(std::vector<Row>& rows, DType real) {
  for (const std::string op : {"exp", "expm1", "tanh", "erf", "floor", "ceil", "round", "is_finite", "logistic"})
    rows.push_back(elementwise(op, real, {{-2, 2}}));
  for (const std::string op : {"sin", "cos"}) rows.push_back(elementwise(op, real, {{-pi, pi}}));
  for (const std::string op : {"log", "sqrt", "rsqrt"}) rows.push_back(elementwise(op, real, {{0.3, 3}}));
  rows.push_back(elementwise("log1p", real, {{-0.7, 3}}));
  rows.push_back(elementwise("erf_inv", real, {{-0.9, 0.9}}));
}

void add_logic(std::vector<Row>& rows, DType real) {
  for (const std::string op : {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})
    rows.push_back(with(elementwise(op, real, {{-2, 2}, {-2, 2}}),
                        {vectors(i32, {{-2, 2}, {-2, 2}}), vectors(u32, {{0, 2}, {0, word_max}})}));
  for (const std::string op : {"bitwise_and", "bitwise_or", "bitwise_xor"})
    rows.push_back(with(elementwise(op, boolean, {{0, 1}, {0, 1}}),
                        {vectors(i32, {{-99, 99}, {-99, 99}}), vectors(u32, {{0, word_max}, {0, word_max}})}));
  rows.push_back(
      with(elementwise("bitwise_not", boolean, {{0, 1}}), {vectors(i32, {{-9, 9}}), vectors(u32, {{0, word_max}})}));
  rows.push_back(with(elementwise("shift_left", u32, {{0, word_max}, {0, 40}}), {vectors(i32, {{-99, 99}, {0, 40}})}));
  rows.push_back(elementwise("shift_right_logical", u32, {{0, word_max}, {0, 40}}));
  rows.push_back(elementwise("threefry2x32", u32, {{0, word_max}, {0, word_max}, {0, word_max}, {0, word_max}}));

  Row select{.op = "select"};
  for (const DType dtype : {real, i32, u32, boolean})
    for (const Shape& shape : odd_shapes())
      select.samples.push_back(sample({flags(shape), {{dtype, shape}, 0, 1}, {{dtype, shape}, 0, 1}}));
  rows.push_back(select);

  Row stop = elementwise("stop_gradient", real, {{-2, 2}});
  stop.stops_gradient = true;
  rows.push_back(stop);
}

void add_casts(std::vector<Row>& rows, DType real) {
  Row cast{.op = "cast"};
  const std::vector<Input> sources{
      {{real, {17}}, -9, 9}, {{i32, {3, 5}}, -9, 9}, {{u32, {17}}, 0, 1e9}, flags({17}), {{real, {0}}}};
  for (const Input& from : sources)
    for (const DType to : {DType::f32, DType::f64, i32, u32, boolean}) {
      Input in = from;
      if (is_floating(from.type.dtype) && to == u32) in.low = 0;  // a negative float has no unsigned value
      Sample s = sample({in}, CastAttrs{to});
      s.step = 1;  // linear, so any step is right, and a large one hides the rounding of f32
      cast.samples.push_back(s);
    }
  rows.push_back(cast);

  Row bitcast{.op = "bitcast", .stops_gradient = true};  // a change of bits has none
  for (const DType from : {DType::f32, i32, u32})
    for (const DType to : {DType::f32, i32, u32})
      bitcast.samples.push_back(sample({{{from, {3, 5}}, 1, 9}}, CastAttrs{to}));
  rows.push_back(bitcast);
}

void add_reductions(std::vector<Row>& rows, DType real) {
  const std::vector<std::pair<Shape, std::vector<int>>> cases{
      {{}, {}},         {{1}, {0}},   {{17}, {0}},         {{3, 5}, {1}},    {{3, 5}, {0}},
      {{3, 5}, {0, 1}}, {{3, 5}, {}}, {{2, 3, 5}, {0, 2}}, {{2, 3, 5}, {1}}, {{3, 0}, {0}}};
  const auto row = [&](std::string op, std::vector<Input> kinds, bool empty) {
    Row r{.op = std::move(op)};
    for (const Input& kind : kinds)
      for (const auto& [shape, axes] : cases)
        r.samples.push_back(sample({{{kind.type.dtype, shape}, kind.low, kind.high}}, ReduceAttrs{axes}));
    if (empty) r.samples.push_back(sample({{{kinds[0].type.dtype, {3, 0}}}}, ReduceAttrs{{1}}));
    rows.push_back(r);
  };
  const Input reals{{real}, -2, 2}, ints{{i32}, -9, 9}, words{{u32}, 0, 9};
  row("reduce_sum", {reals, ints, words}, true);
  row("reduce_prod", {reals, ints}, true);
  row("reduce_max", {reals, ints}, false);
  row("reduce_min", {reals, ints}, false);
  row("reduce_and", {flags({})}, true);
  row("reduce_or", {flags({})}, true);
}

void add_orders(std::vector<Row>& rows, DType real) {
  const std::vector<std::pair<Shape, int>> cases{{{1}, 0},    {{17}, 0},      {{3, 5}, 0},
                                                 {{3, 5}, 1}, {{2, 3, 5}, 1}, {{0, 3}, 1}};
  for (const std::string op : {"argmax", "argmin"}) {
    Row r{.op = op};
    for (const auto& [shape, axis] : cases)
      for (const DType dtype : {real, i32}) r.samples.push_back(sample({{{dtype, shape}}}, AxisAttrs{axis}));
    rows.push_back(r);
  }
  Row sort{.op = "sort"}, cumsum{.op = "cumsum"};
  for (const auto& [shape, axis] : cases) {
    sort.samples.push_back(sample({{{real, shape}}}, AxisAttrs{axis}));
    sort.samples.push_back(sample({{{real, shape}}, {{i32, shape}, 0, 99}}, AxisAttrs{axis}));
    sort.samples.push_back(sample({{{i32, shape}, -3, 3}, {{real, shape}}, {{real, shape}}}, AxisAttrs{axis}));
    for (const bool backwards : {false, true}) {
      cumsum.samples.push_back(sample({{{real, shape}}}, CumsumAttrs{axis, backwards}));
      cumsum.samples.push_back(sample({{{i32, shape}, -9, 9}}, CumsumAttrs{axis, backwards}));
    }
  }
  rows.push_back(sort);
  rows.push_back(cumsum);
}

void add_making(std::vector<Row>& rows, DType real) {
  Row fill{.op = "fill"}, iota{.op = "iota"};
  for (const Shape& shape : odd_shapes()) {
    fill.samples.push_back(sample({}, FillAttrs{{real, shape}, -1.5}));
    fill.samples.push_back(sample({}, FillAttrs{{i32, shape}, -7}));
    fill.samples.push_back(sample({}, FillAttrs{{u32, shape}, word_max}));
    fill.samples.push_back(sample({}, FillAttrs{{boolean, shape}, 1}));
    for (int axis = 0; axis < shape.rank(); ++axis)
      for (const DType dtype : {real, i32, u32}) iota.samples.push_back(sample({}, IotaAttrs{{dtype, shape}, axis}));
  }
  rows.push_back(fill);
  rows.push_back(iota);
}

void add_moving(std::vector<Row>& rows, DType real) {
  const auto x = [&](Shape shape, DType dtype) { return Input{{dtype, shape}, 0, 1}; };
  Row broadcast{.op = "broadcast_in_dim"}, reshape{.op = "reshape"}, transpose{.op = "transpose"}, slice{.op = "slice"};
  Row pad{.op = "pad"}, concatenate{.op = "concatenate"}, reverse{.op = "reverse"};
  for (const DType t : {real, i32, boolean}) {
    broadcast.samples.insert(
        broadcast.samples.end(),
        {sample({x({}, t)}, BroadcastAttrs{{17}, {}}), sample({x({3}, t)}, BroadcastAttrs{{2, 3}, {1}}),
         sample({x({3}, t)}, BroadcastAttrs{{3, 5}, {0}}), sample({x({1, 3}, t)}, BroadcastAttrs{{5, 3}, {0, 1}}),
         sample({x({3, 1}, t)}, BroadcastAttrs{{3, 2, 5}, {0, 2}}), sample({x({1}, t)}, BroadcastAttrs{{0, 3}, {1}}),
         sample({x({3, 5}, t)}, BroadcastAttrs{{3, 5}, {0, 1}})});
    reshape.samples.insert(
        reshape.samples.end(),
        {sample({x({3, 5}, t)}, ReshapeAttrs{{15}}), sample({x({}, t)}, ReshapeAttrs{{1, 1}}),
         sample({x({2, 3, 5}, t)}, ReshapeAttrs{{5, 6}}), sample({x({0, 3}, t)}, ReshapeAttrs{{3, 0, 2}})});
    transpose.samples.insert(
        transpose.samples.end(),
        {sample({x({3, 5}, t)}, TransposeAttrs{{1, 0}}), sample({x({2, 3, 5}, t)}, TransposeAttrs{{2, 0, 1}}),
         sample({x({2, 3, 5, 7}, t)}, TransposeAttrs{{0, 2, 1, 3}}), sample({x({}, t)}, TransposeAttrs{{}}),
         sample({x({0, 3}, t)}, TransposeAttrs{{1, 0}})});
    slice.samples.insert(slice.samples.end(), {sample({x({17}, t)}, SliceAttrs{{3}, {16}, {1}}),
                                               sample({x({17}, t)}, SliceAttrs{{1}, {17}, {3}}),
                                               sample({x({5, 7}, t)}, SliceAttrs{{1, 0}, {4, 7}, {2, 3}}),
                                               sample({x({5, 7}, t)}, SliceAttrs{{2, 3}, {2, 7}, {1, 1}}),
                                               sample({x({3, 5}, t)}, SliceAttrs{{0, 0}, {3, 5}, {1, 1}})});
    pad.samples.insert(pad.samples.end(), {sample({x({3}, t), x({}, t)}, PadAttrs{{1}, {2}, {0}}),
                                           sample({x({3, 5}, t), x({}, t)}, PadAttrs{{0, 2}, {1, 0}, {2, 1}}),
                                           sample({x({5}, t), x({}, t)}, PadAttrs{{-1}, {-2}, {0}}),
                                           sample({x({5}, t), x({}, t)}, PadAttrs{{-2}, {3}, {1}}),
                                           sample({x({0, 3}, t), x({}, t)}, PadAttrs{{1, 0}, {1, 0}, {0, 0}})});
    concatenate.samples.insert(
        concatenate.samples.end(),
        {sample({x({3}, t), x({1}, t), x({17}, t)}, AxisAttrs{0}), sample({x({3, 5}, t), x({3, 2}, t)}, AxisAttrs{1}),
         sample({x({2, 3}, t), x({0, 3}, t)}, AxisAttrs{0}), sample({x({3}, t)}, AxisAttrs{0})});
    reverse.samples.insert(reverse.samples.end(),
                           {sample({x({17}, t)}, ReverseAttrs{{0}}), sample({x({2, 3, 5}, t)}, ReverseAttrs{{0, 2}}),
                            sample({x({3, 5}, t)}, ReverseAttrs{{}}), sample({x({0, 3}, t)}, ReverseAttrs{{1}})});
  }
  for (Row* row : {&broadcast, &reshape, &transpose, &slice, &pad, &concatenate, &reverse})
    rows.push_back(std::move(*row));
}

void add_contraction(std::vector<Row>& rows, DType real) {
  const auto dot = [&](Shape a, Shape b, DotAttrs attrs) { return sample({{{real, a}}, {{real, b}}}, attrs); };
  rows.push_back(
      {"dot_general",
       {dot({3, 5}, {5, 17}, {{1}, {0}, {}, {}}), dot({5, 3}, {17, 5}, {{0}, {1}, {}, {}}),
        dot({1, 1}, {1, 1}, {{1}, {0}, {}, {}}), dot({17}, {17}, {{0}, {0}, {}, {}}), dot({3}, {5}, {{}, {}, {}, {}}),
        dot({2, 3, 5}, {2, 5, 4}, {{2}, {1}, {0}, {0}}), dot({3, 2, 5}, {5, 4, 2}, {{2}, {0}, {1}, {2}}),
        dot({2, 3, 4, 5}, {2, 5, 3, 7}, {{3}, {1}, {0, 1}, {0, 2}}),
        dot({3, 4, 5}, {5, 3, 2}, {{0, 2}, {1, 0}, {}, {}}), dot({3, 5}, {3, 5}, {{}, {}, {0, 1}, {0, 1}}),
        dot({3, 0}, {0, 5}, {{1}, {0}, {}, {}}), dot({0, 3}, {3, 5}, {{1}, {0}, {}, {}})}});
}

void add_linalg(std::vector<Row>& rows, DType real) {
  Row qr{.op = "qr"};
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 3}, Shape{5, 3}, Shape{4, 1}, Shape{2, 4, 3}, Shape{0, 3, 2}})
    qr.samples.push_back(sample({{{real, shape}}}));
  rows.push_back(qr);
}

void add_index(std::vector<Row>& rows, DType real) {
  Row gather{.op = "gather"}, scatter{.op = "scatter_add"};
  struct Case {
    Shape x, indices, updates;
    GatherAttrs attrs;
  };
  const std::vector<Case> cases{{{17}, {5}, {5}, {0, 0}},
                                {{3, 5}, {4}, {4, 5}, {0, 0}},
                                {{3, 5}, {2, 2}, {3, 2, 2}, {1, 0}},
                                {{3, 5}, {}, {5}, {0, 0}},
                                {{3, 5}, {3, 4}, {3, 4}, {1, 1}},
                                {{2, 3, 5}, {2, 4}, {2, 3, 4}, {2, 1}},
                                {{2, 3, 5}, {2, 3, 1}, {2, 3, 1}, {2, 2}},
                                {{1, 3}, {3}, {3, 3}, {0, 0}},
                                {{3, 5}, {0}, {0, 5}, {0, 0}}};
  for (const Case& c : cases) {
    const int64_t n = c.x[c.attrs.axis];
    for (const DType t : {real, i32}) {
      gather.samples.push_back(sample({{{t, c.x}, -9, 9}, indices(c.indices, n)}, c.attrs));
      scatter.samples.push_back(sample({{{t, c.x}, -9, 9}, indices(c.indices, n), {{t, c.updates}, -9, 9}}, c.attrs));
    }
    gather.samples.push_back(sample({{{real, c.x}}, {{u32, c.indices}, 0, static_cast<double>(n - 1)}}, c.attrs));
  }
  // Indices on both sides outside of the dimension.
  gather.samples.push_back(sample({{{real, {3, 5}}}, {{i32, {9}}, -8, 8}}, GatherAttrs{0, 0}));
  scatter.samples.push_back(sample({{{real, {3, 5}}}, {{i32, {9}}, -8, 8}, {{real, {9, 5}}}}, GatherAttrs{0, 0}));
  rows.push_back(gather);
  rows.push_back(scatter);
}

void add_neural(std::vector<Row>& rows, DType real) {
  Row bits{.op = "random_bits"};
  for (const Shape& key : {Shape{2}, Shape{3, 2}})
    for (const Shape& shape : odd_shapes())
      bits.samples.push_back(sample({{{u32, key}, 0, word_max}}, RandomBitsAttrs{shape}));
  rows.push_back(bits);

  rows.push_back(elementwise("relu", real, {{-2, 2}}));
  Row gelu{.op = "gelu"};
  for (const Shape& shape : odd_shapes())
    for (const bool approximate : {false, true})
      gelu.samples.push_back(sample({{{real, shape}}}, GeluAttrs{approximate}));
  rows.push_back(gelu);

  for (const std::string op : {"softmax", "log_softmax"}) {
    Row r{.op = op};
    for (const auto& [shape, axis] :
         std::vector<std::pair<Shape, int>>{{{1}, 0}, {{17}, 0}, {{3, 5}, 1}, {{3, 5}, 0}, {{2, 3, 5}, 1}, {{0, 3}, 1}})
      r.samples.push_back(sample({{{real, shape}}}, AxisAttrs{axis}));
    rows.push_back(r);
  }

  Row norm{.op = "layer_norm"}, norm_grad{.op = "layer_norm_grad"};
  for (const Shape& shape : {Shape{17}, Shape{3, 5}, Shape{2, 3, 5}, Shape{0, 3}})
    for (const bool scale : {false, true})
      for (const bool bias : {false, true}) {
        const NormAttrs attrs{1e-3, scale, bias};
        const Input x{{real, shape}}, channels{{real, {shape.back()}}, 0.5, 1.5};
        std::vector<Input> inputs{x}, grad_inputs{x};
        if (scale) inputs.push_back(channels), grad_inputs.push_back(channels);
        if (bias) inputs.push_back(channels);
        grad_inputs.push_back(x);
        norm.samples.push_back(sample(inputs, attrs));
        norm_grad.samples.push_back(sample(grad_inputs, attrs));
      }
  rows.push_back(norm);
  rows.push_back(norm_grad);

  Row loss{.op = "softmax_cross_entropy"}, loss_grad{.op = "softmax_cross_entropy_grad"};
  for (const Shape& labels : {Shape{}, Shape{1}, Shape{17}, Shape{2, 3}, Shape{0}}) {
    const Input logits{{real, labels.inserted(labels.rank(), 5)}};
    loss.samples.push_back(sample({logits, indices(labels, 5)}));
    loss_grad.samples.push_back(sample({logits, indices(labels, 5), {{real, labels}}}));
  }
  rows.push_back(loss);
  rows.push_back(loss_grad);
}

GraphRef body_of(const std::vector<Type>& types, const std::function<Arrays(std::span<const Array>)>& body) {
  return std::make_shared<const Graph>(trace(types, body).graph);
}

void add_bodies(std::vector<Row>& rows, DType real) {
  // A body with an input that stands twice, one that is unused, and two outputs.
  Row call{.op = "call"}, remat{.op = "remat"};
  for (const Shape& shape : odd_shapes()) {
    const Type x{real, shape};
    const CallAttrs attrs{body_of({x, x, x}, [](std::span<const Array> in) {
      return Arrays{tanh(in[0]) * in[1], in[0] + in[0]};
    })};
    for (Row* row : {&call, &remat}) row->samples.push_back(sample({{x}, {x}, {x}}, attrs));
  }
  rows.push_back(call);
  rows.push_back(remat);

  // Branches that use different operands, and an index on both sides of their range.
  Row choice{.op = "switch"};
  for (const Shape& shape : {Shape{}, Shape{3, 5}, Shape{0, 3}}) {
    const Type x{real, shape};
    const SwitchAttrs attrs{{body_of({x, x}, [](std::span<const Array> in) { return Arrays{in[0] * in[1], in[1]}; }),
                             body_of({x, x}, [](std::span<const Array> in) { return Arrays{sin(in[0]), in[0]}; }),
                             body_of({x, x}, [](std::span<const Array> in) { return Arrays{in[1] + 1.0, in[1]}; })}};
    for (const double index : {-3.0, 0.0, 1.0, 7.0})
      choice.samples.push_back(sample({{{i32, {}}, index, index}, {x}, {x}}, attrs));
    choice.samples.push_back(sample({{{i32, {}}, -1, 3}, {x}, {x}}, attrs));
  }
  rows.push_back(choice);

  // The true gradient, by what the forward keeps.
  Row custom{.op = "custom_vjp"};
  for (const Shape& shape : {Shape{}, Shape{3, 5}}) {
    const Type x{real, shape}, n{i32, {}};
    const CustomVjpAttrs attrs{
        body_of({x, n}, [](std::span<const Array> in) { return Arrays{sin(in[0]), in[1]}; }),
        body_of({x, n}, [](std::span<const Array> in) { return Arrays{sin(in[0]), in[1], cos(in[0])}; }),
        body_of({x, x}, [](std::span<const Array> in) { return Arrays{in[0] * in[1]}; })};
    custom.samples.push_back(sample({{x}, {n, 0, 9}}, attrs));
  }
  rows.push_back(custom);
}

void add_loops(std::vector<Row>& rows, DType real) {
  // A weight that is used in every round, a key that the mask is drawn from, a state that goes round, a count, a sequence.
  const Type w{real, {3, 3}}, key{u32, {2}}, state{real, {3}}, count{i32, {}}, slice{real, {3}};
  const GraphRef body = body_of({w, key, state, count, slice}, [&](std::span<const Array> in) {
    const Array mask = cast(random::bernoulli(random::fold_in(in[1], in[3]), 0.5, {3}), in[0].dtype());
    const Array next = tanh(matmul(in[2], in[0]) + in[4]);
    return Arrays{next * mask + in[2] * 0.5, in[3] + 1.0, sum(next * in[4]), in[3]};
  });
  Row scan{.op = "scan"};
  for (const int64_t length : {0, 1, 2, 7})
    for (const bool reverse : {false, true})
      scan.samples.push_back(sample({{w}, {key, 0, word_max}, {state}, {count, 0, 9}, {{real, {length, 3}}}},
                                    ScanAttrs{body, length, 2, 2, reverse}));
  // Without constants, without carries, without xs.
  const GraphRef alone = body_of({slice}, [](std::span<const Array> in) { return Arrays{in[0] * in[0]}; });
  scan.samples.push_back(sample({{slice}}, ScanAttrs{alone, 4, 0, 1, false}));
  scan.samples.push_back(sample({{{real, {4, 3}}}}, ScanAttrs{alone, 4, 0, 0, true}));
  scan.samples.push_back(sample({{slice}}, ScanAttrs{alone, 4, 1, 0, false}));
  rows.push_back(scan);

  // Doubling until a bound; the floating state has no gradient, so none may be asked for.
  Row loop{.op = "while_loop"};
  const Type bound{i32, {}}, n{i32, {}}, flag{boolean, {2}};
  const GraphRef condition = body_of({bound, n, flag}, [](std::span<const Array> in) { return Arrays{less(in[1], in[0])}; });
  const GraphRef step = body_of({{real, {}}, n, flag}, [](std::span<const Array> in) {
    return Arrays{in[1] + 1.0 + cast(greater(in[0], 0), i32), bitwise_not(in[2])};
  });
  for (const double last : {0.0, 1.0, 9.0})
    loop.samples.push_back(sample({{bound, 0, last}, {{real, {}}}, {n, 0, 3}, flags({2})}, WhileAttrs{condition, step, 1, 1}));
  rows.push_back(loop);
}

}  // namespace

std::vector<Row> rows(DType real) {
  std::vector<Row> all;
  for (const auto add : {add_arithmetic, add_functions, add_logic, add_casts, add_reductions, add_orders, add_making,
                         add_moving, add_contraction, add_linalg, add_index, add_neural, add_bodies, add_loops})
    add(all, real);
  return all;
}

}  // namespace nnx::test
