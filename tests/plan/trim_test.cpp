#include <doctest/doctest.h>

#include "ops/attrs.h"
#include "ops/cases.h"
#include "ops/ops.h"
#include "plan/passes.h"
#include "reference/reference.h"
#include "transform/vjp.h"

namespace nnx::plan {
namespace {

using Span = std::span<const Array>;

const Type f64{DType::f64, {}}, i32{DType::i32, {}};

GraphRef body_of(const std::vector<Type>& types, const std::function<Arrays(Span)>& body) {
  return std::make_shared<const Graph>(trace(types, body).graph);
}

const Node& only(const Graph& graph, std::string_view op) {
  const Node* found = nullptr;
  for (const Node& node : graph.nodes)
    if (node.kind == NodeKind::op && node.op->name == op) {
      REQUIRE(found == nullptr);
      found = &node;
    }
  REQUIRE(found != nullptr);
  return *found;
}

// `graph` with these of its outputs, trimmed: well formed, and of the same values. Inputs keep their places.
Graph trimmed(Graph graph, const std::vector<size_t>& outputs, const Arrays& inputs) {
  const std::vector<Value> all = graph.outputs;
  graph.outputs.clear();
  for (const size_t o : outputs) graph.outputs.push_back(all[o]);
  const Graph less = trim(graph);
  verify(less);
  const Arrays expected = reference::evaluate(graph, inputs), got = reference::evaluate(less, inputs);
  for (size_t o = 0; o < got.size(); ++o) CHECK(test::difference(got[o], expected[o], 0) == "");
  return less;
}

}  // namespace

TEST_CASE("a scan is trimmed to the carries and ys that are read, and to the inputs these need") {
  // Carry 0 needs carry 1; carry 2 feeds itself alone. Constant 1 and xs 1 serve the last ys only.
  const GraphRef body = body_of({f64, f64, f64, f64, f64, f64, f64}, [](Span in) {
    return Arrays{in[2] * in[3], in[3] + in[0], in[4] * 2.0, in[2] + in[5], in[6] * in[1]};
  });
  const Type xs{DType::f64, {4}};
  const Graph graph = trace({f64, f64, f64, f64, f64, xs, xs}, [&](Span in) {
                        ScanResult r = scan(body, in.first(2), in.subspan(2, 3), in.subspan(5), 4);
                        r.carries.insert(r.carries.end(), r.ys.begin(), r.ys.end());
                        return r.carries;
                      }).graph;
  const Array sequence = array<double>({1, 2, 3, 4}, {4});
  const Arrays inputs{scalar(0.5), scalar(2.0), scalar(3.0), scalar(0.25), scalar(1.0), sequence, sequence};
  const auto shape_of = [&](const std::vector<size_t>& outputs) {
    const Graph less = trimmed(graph, outputs, inputs);
    const Node& node = only(less, "scan");
    const auto& a = node.attrs.as<ScanAttrs>();
    return std::vector<int>{a.constants, a.carries, static_cast<int>(node.inputs.size()),
                            static_cast<int>(node.types.size())};
  };
  CHECK(shape_of({0, 1, 2, 3, 4}) == std::vector<int>{2, 3, 7, 5});
  CHECK(shape_of({0}) == std::vector<int>{1, 2, 3, 2});      // carries 0 and 1, constant 0
  CHECK(shape_of({1}) == std::vector<int>{1, 1, 2, 1});
  CHECK(shape_of({2}) == std::vector<int>{0, 1, 1, 1});
  CHECK(shape_of({3}) == std::vector<int>{1, 2, 4, 3});      // its carries come along, and xs 0
  CHECK(shape_of({4}) == std::vector<int>{1, 0, 2, 1});      // a scan without carries
  CHECK(shape_of({4, 2}) == std::vector<int>{1, 1, 3, 2});
}

TEST_CASE("a while loop keeps the carries its condition reads") {
  const GraphRef condition = body_of({f64, i32, i32, f64}, [](Span in) { return Arrays{less(in[1], in[2])}; });
  const GraphRef body = body_of({f64, f64, i32, i32, f64}, [](Span in) {
    return Arrays{in[2] + 1.0, in[3], in[4] * in[0] + in[1]};
  });
  const Graph graph = trace({f64, f64, f64, i32, i32, f64}, [&](Span in) {
                        return while_loop(condition, in.first(1), body, in.subspan(1, 2), in.subspan(3));
                      }).graph;
  const Arrays inputs{scalar(0.0), scalar(2.0), scalar(1.0), scalar<int32_t>(0), scalar<int32_t>(3), scalar(1.0)};
  const Graph count = trimmed(graph, {0}, inputs), value = trimmed(graph, {2}, inputs);
  CHECK(only(count, "while_loop").types == std::vector<Type>{i32, i32});
  CHECK(only(count, "while_loop").inputs.size() == 2);
  CHECK(only(value, "while_loop").types == std::vector<Type>{i32, i32, f64});
  CHECK(only(value, "while_loop").inputs.size() == 5);   // all but the condition's constant
}

TEST_CASE("switches and remats compute what is read") {
  const GraphRef first = body_of({f64, f64, f64}, [](Span in) { return Arrays{in[0], sin(in[1])}; });
  const GraphRef second = body_of({f64, f64, f64}, [](Span in) { return Arrays{in[2] * 2.0, in[1]}; });
  const Graph choice = trace({i32, f64, f64, f64}, [&](Span in) {
                         return switch_case(in[0], {first, second}, in.subspan(1));
                       }).graph;
  const Arrays inputs{scalar<int32_t>(1), scalar(2.0), scalar(3.0), scalar(4.0)};
  CHECK(only(trimmed(choice, {0}, inputs), "switch").inputs.size() == 3);
  CHECK(only(trimmed(choice, {1}, inputs), "switch").inputs.size() == 2);
  const Graph again = trace({f64, f64, f64}, [&](Span in) { return remat(first, in); }).graph;
  const Graph less = trimmed(again, {1}, {scalar(2.0), scalar(3.0), scalar(4.0)});
  CHECK(only(less, "remat").inputs.size() == 1);
  CHECK(only(less, "remat").types.size() == 1);
}

TEST_CASE("bodies of bodies are trimmed, and gradients that nobody asked for are not computed") {
  const GraphRef layer = body_of({f64, f64, f64}, [](Span in) { return Arrays{tanh(in[1] * in[0]), exp(in[2])}; });
  const GraphRef outer = body_of({f64, f64, f64}, [&](Span in) { return remat(layer, in); });
  const Graph graph = trace({f64, f64, {DType::f64, {5}}}, [&](Span in) {
                        ScanResult r = scan(outer, in.first(1), in.subspan(1, 1), in.subspan(2), 5);
                        r.carries.push_back(sum(r.ys[0]));
                        return r.carries;
                      }).graph;
  const Arrays inputs{scalar(0.5), scalar(2.0), array<double>({1, 2, 3, 4, 5}, {5})};
  const Graph less = trimmed(graph, {0}, inputs);
  const Node& inner = only(*only(less, "scan").attrs.as<ScanAttrs>().body, "remat");
  CHECK(inner.types.size() == 1);
  CHECK(inner.inputs.size() == 2);
  // Of the gradients of everything, that of the first carry alone: no sums for the constant, no cotangents of xs.
  Arrays arguments = inputs;
  arguments.insert(arguments.end(), {scalar(1.0), scalar(1.0)});
  const Graph gradient = trimmed(vjp(graph, {0, 1, 2}, {0, 1}), {3}, arguments);
  size_t results = 0;
  for (const Node& node : gradient.nodes)
    if (node.kind == NodeKind::op && node.op->name == "scan") results += node.types.size();
  CHECK(results == 2 + 1);   // forward: the carry and h of each round; backward: its cotangent
}

}  // namespace nnx::plan
