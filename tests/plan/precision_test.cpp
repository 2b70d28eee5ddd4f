// bf16-mixed: which products are narrowed, that they compute what reference kernels do with rounded operands, alone and
// over steps of training, and that everything else keeps its bits.
#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/kernel.h"
#include "ops/cases.h"
#include "ops/ops.h"
#include "plan/passes.h"
#include "plan/run_graph.h"
#include "plan/rebuild.h"
#include "reference/reference.h"
#include "transform/vjp.h"
#include "transform/vmap.h"

namespace nnx::test {
namespace {

using Function = std::function<Arrays(std::span<const Array>)>;

constexpr PlanOptions mixed{.precision = Precision::bf16_mixed};

Graph graph_of(const std::vector<Shape>& shapes, const Function& f) {
  std::vector<Type> types;
  for (const Shape& shape : shapes) types.push_back({DType::f32, shape});
  return trace(types, f).graph;
}

Arrays inputs_of(const Graph& graph) {
  Arrays inputs;
  for (const Type& type : graph.input_types()) inputs.push_back(make_array({type, -1, 1}, 1, inputs.size()));
  return inputs;
}

// The oracle: every product's operands rounded, in f32, by reference kernels.
Graph rounded(const Graph& graph) {
  return plan::rebuild(graph, [](const Node& node, std::span<const Array> in) {
    if (node.op->name != "dot_general") return emit(*node.op, node.attrs, in);
    const auto round = [](const Array& x) { return cast(cast(x, DType::bf16), DType::f32); };
    return emit(*node.op, node.attrs, Arrays{round(in[0]), round(in[1])});
  });
}

int64_t count(const Graph& graph, std::string_view op, DType dtype) {
  return std::ranges::count_if(graph.nodes, [&](const Node& node) {
    return node.kind == NodeKind::op && node.op->name == op && node.types[0].dtype == dtype;
  });
}

int64_t casts(const Graph& graph) { return count(plan::narrow_products(graph), "cast", DType::bf16); }

int64_t casts_of_product(int64_t m, int64_t k, int64_t n) {
  return casts(graph_of({{m, k}, {k, n}}, [](auto in) { return Arrays{matmul(in[0], in[1])}; }));
}

}  // namespace

TEST_CASE("a product is narrowed when it is large, in all of its dimensions") {
  CHECK(casts_of_product(64, 128, 64) == 2);
  CHECK(casts_of_product(64, 127, 64) == 0);  // too little to do
  CHECK(casts_of_product(8, 1024, 64) == 2);
  CHECK(casts_of_product(7, 1024, 1024) == 0);  // the right side is used seven times
  CHECK(casts_of_product(1024, 1024, 7) == 0);
  CHECK(casts_of_product(1024, 7, 1024) == 0);
}

TEST_CASE("a value is cast once, whatever views of it are contracted") {
  const Graph both = graph_of({{128, 128}}, [](auto in) { return Arrays{matmul(in[0], transpose(in[0]))}; });
  CHECK(casts(both) == 1);
  const Graph repeated = graph_of({{1, 128}, {128, 128}}, [](auto in) {
    return Arrays{matmul(broadcast_to(in[0], {64, 128}), in[1])};
  });
  const Graph narrow = plan::narrow_products(repeated);
  for (const Node& node : narrow.nodes)  // the row, before it is repeated
    if (node.kind == NodeKind::op && node.op->name == "cast") CHECK(node.types[0].shape != Shape{64, 128});
  // A part of a value is cast alone.
  const Graph part = graph_of({{4096, 128}, {128, 128}}, [](auto in) {
    return Arrays{matmul(slice(in[0], {0, 0}, {64, 128}), in[1])};
  });
  CHECK(std::ranges::none_of(plan::narrow_products(part).nodes, [](const Node& node) {
    return node.kind == NodeKind::op && node.types[0] == Type{DType::bf16, {4096, 128}};
  }));
}

TEST_CASE("products of every layout are those of reference kernels with rounded operands") {
  const std::vector<std::pair<const char*, Graph>> graphs{
      {"plain", graph_of({{64, 128}, {128, 64}}, [](auto in) { return Arrays{matmul(in[0], in[1])}; })},
      {"transposed",
       graph_of({{128, 64}, {64, 128}}, [](auto in) { return Arrays{matmul(transpose(in[0]), transpose(in[1]))}; })},
      {"epilogue",
       graph_of({{64, 128}, {128, 64}, {64}}, [](auto in) { return Arrays{relu(matmul(in[0], in[1]) + in[2])}; })},
      {"batched", graph_of({{6, 40, 64}, {6, 64, 40}}, [](auto in) { return Arrays{matmul(in[0], in[1])}; })},
      {"heads", graph_of({{4, 48, 6, 16}, {4, 48, 6, 16}},
                         [](auto in) {
                           return Arrays{einsum("bthd,bshd->bhts", {in[0], in[1]})};
                         })},
      {"in the middle", graph_of({{16, 64, 12}, {64, 16, 64}},
                                 [](auto in) {
                                   return Arrays{einsum("ikj,kil->ijl", {in[0], in[1]})};
                                 })},
      {"one row for all", graph_of({{1, 128}, {128, 128}},
                                   [](auto in) {
                                     return Arrays{matmul(broadcast_to(in[0], {64, 128}), in[1])};
                                   })},
      {"computed", graph_of({{64, 128}, {128, 64}},
                            [](auto in) {
                              return Arrays{matmul(tanh(in[0]), exp(in[1])), tanh(in[0])};
                            })},
  };
  for (const auto& [name, graph] : graphs) {
    INFO(std::string(name));
    REQUIRE(casts(graph) > 0);
    const Arrays inputs = inputs_of(graph), expected = reference::evaluate(rounded(graph), inputs);
    for (const bool fuse : {true, false}) {
      const Arrays got = run(graph, inputs, {.fuse = fuse, .precision = Precision::bf16_mixed});
      for (size_t o = 0; o < got.size(); ++o) CHECK(difference(got[o], expected[o], 2e-6) == "");
    }
    // It is another result than that of f32, and the same every time.
    CHECK(difference(run(graph, inputs, {})[0], expected[0], 1e-5) != "");
    CHECK(difference(run(graph, inputs, mixed)[0], run(graph, inputs, mixed)[0], 0) == "");
  }
}

TEST_CASE("the gradients of a product, and of a batch of them, are narrowed alike") {
  const Graph one = graph_of({{64, 128}, {128, 64}}, [](auto in) { return Arrays{sum(square(matmul(in[0], in[1])))}; });
  for (const Graph& graph : {value_and_grad(one, {0, 1}), vmap(value_and_grad(one, {0, 1}), {true, false}, 3)}) {
    const Graph narrow = plan::narrow_products(plan::linearize(graph));
    CHECK(count(narrow, "dot_general", DType::f32) == 3);
    CHECK(casts(plan::linearize(graph)) == 3);  // both operands, and the cotangent of the product
    const Arrays inputs = inputs_of(graph), expected = reference::evaluate(rounded(graph), inputs);
    const Arrays got = run(graph, inputs, mixed);
    // What is rounded are sums of other orders, which may be a unit of bf16 apart.
    for (size_t o = 0; o < got.size(); ++o) CHECK(difference(got[o], expected[o], 2e-4) == "");
  }
}

TEST_CASE("a network trains as it does with reference kernels and rounded operands") {
  reference::install_evaluator();
  // x and two layers -> x, the new layers, and the loss
  const Graph loss = graph_of({{64, 64}, {64, 128}, {128}, {128, 64}}, [](auto in) {
    const Array hidden = relu(matmul(in[0], in[1]) + in[2]);
    return Arrays{mean(square(matmul(hidden, in[3]) - sin(in[0] * 3.0)))};
  });
  const Graph gradients = value_and_grad(loss, {1, 2, 3});
  std::vector<Shape> shapes;
  for (const Type& type : loss.input_types()) shapes.push_back(type.shape);
  const Graph step = graph_of(shapes, [&](auto in) {
    const Arrays results = nnx::apply(gradients, in);
    Arrays next{in[0]};
    for (size_t p = 1; p < 4; ++p) next.push_back(in[p] - results[p] * 0.5);
    next.push_back(results[0]);
    return next;
  });
  REQUIRE(casts(plan::linearize(step)) > 0);
  Arrays planned = inputs_of(step);
  for (size_t p = 1; p < 4; ++p) planned[p] = planned[p] * 0.1;
  Arrays expected = planned, full = planned;
  const Graph oracle = rounded(step);
  float first = 0, last = 0;
  for (int i = 0; i < 20; ++i) {
    planned = run(step, planned, mixed);
    expected = reference::evaluate(oracle, expected);
    full = run(step, full, {});
    last = planned.back().item<float>();
    if (i == 0) first = last;
    for (size_t o = 0; o < planned.size(); ++o) CHECK(difference(planned[o], expected[o], 2e-4) == "");
    for (Arrays* state : {&planned, &expected, &full}) state->pop_back();
  }
  CHECK(last < 0.9f * first);
  CHECK(difference(planned[1], full[1], 1e-6) != "");  // f32 takes another way, close by
  CHECK(difference(planned[1], full[1], 1e-2) == "");
}

TEST_CASE("products in bodies are narrowed, and the report says what ran") {
  const Traced body = trace({{DType::f32, {64, 128}}, {DType::f32, {128, 128}}},
                            [](auto in) { return Arrays{tanh(matmul(in[0], in[1]))}; });
  const Graph scanned = graph_of({{64, 128}, {4, 128, 128}}, [&](auto in) {
    return nnx::scan(std::make_shared<const Graph>(body.graph), {}, Arrays{in[0]}, Arrays{in[1]}, 4).carries;
  });
  const Graph unrolled = graph_of({{64, 128}, {4, 128, 128}}, [](auto in) {
    Array x = in[0];
    for (int64_t i = 0; i < 4; ++i) x = tanh(matmul(x, index_axis(in[1], 0, i)));
    return Arrays{x};
  });
  const Arrays inputs = inputs_of(scanned), expected = reference::evaluate(rounded(unrolled), inputs);
  CHECK(difference(run(scanned, inputs, mixed)[0], expected[0], 1e-4) == "");
  CHECK(difference(run(scanned, inputs, {})[0], expected[0], 1e-4) != "");

  const std::string report = Plan::compile(scanned, {}, mixed)->to_string();
  CHECK(report.find(kernels::has_bf16() ? ":avx512_core_bf16" : "widen+matmul") != std::string::npos);
  CHECK(report.find("bf16[128,128]") != std::string::npos);
}

TEST_CASE("without large products nothing changes") {
  const Graph graph = graph_of({{32, 16}, {16, 8}}, [](auto in) { return Arrays{tanh(matmul(in[0], in[1]))}; });
  const Arrays inputs = inputs_of(graph);
  CHECK(difference(run(graph, inputs, mixed)[0], run(graph, inputs, {})[0], 0) == "");
}

}  // namespace nnx::test
