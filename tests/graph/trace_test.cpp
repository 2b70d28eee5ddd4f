#include "graph/trace.h"

#include <doctest/doctest.h>

#include <limits>

#include "graph/toy_ops.h"

namespace nnx::test {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) { return error.what(); }
  return "";
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("outside a trace an op runs at once") {
  install_toy_evaluator();
  const Array x = array<float>({1, 2}, {2});
  CHECK(add(x, scale(x, 10)).to_vector<float>() == std::vector<float>{11, 22});
  CHECK_THROWS_AS(add(x, array<float>({1}, {1})), Error);
  CHECK_THROWS_AS(add(x, Array()), Error);
}

TEST_CASE("under a trace it is recorded, and the Graph computes the same") {
  install_toy_evaluator();
  const Array x = array<float>({1, 2}, {2});
  const Traced t = trace({f32x2}, [&](std::span<const Array> in) {
    const Array y = add(in[0], scale(x, 10));  // x is concrete: a constant
    CHECK(!y.concrete());
    CHECK(y.type() == f32x2);
    return Arrays{y};
  });
  CHECK(t.captures.empty());
  CHECK(Trace::current() == nullptr);
  CHECK(nnx::apply(t.graph, std::vector<Array>{x})[0].to_vector<float>() == std::vector<float>{11, 22});
  CHECK(mentions(message_of([&] { nnx::apply(t.graph, std::vector<Array>{array<float>({1}, {1})}); }),
                 "input 0 of a graph: expected f32[2], got f32[1]"));
  CHECK_THROWS_AS(nnx::apply(t.graph, {}), Error);
}

TEST_CASE("equal nodes and equal constants are one") {
  const Array c = array<float>({1, 2}, {2});
  const Graph g = trace({f32x2}, [&](std::span<const Array> in) {
                    const Array a = add(scale(in[0], 2), c), b = add(scale(in[0], 2), c);
                    CHECK(a.value() == b.value());
                    CHECK(scale(in[0], 3).value() != scale(in[0], 2).value());
                    CHECK(add(in[0], c).value() != add(c, in[0]).value());
                    return Arrays{add(a, b)};
                  }).graph;
  CHECK(g.nodes.size() == 5);  // input, scale, constant, add, add
}

TEST_CASE("a value of an outer trace is captured once, through any depth") {
  install_toy_evaluator();
  const Graph outer =
      trace({f32x2, f32x2}, [&](std::span<const Array> out) {
        const Array w = scale(out[1], 3);
        const Traced middle = trace({f32x2}, [&](std::span<const Array> mid) {
          const Traced inner = trace({f32x2}, [&](std::span<const Array> in) {
            CHECK(Trace::current()->level() == 3);
            const Array with_w = add(in[0], w);
            return Arrays{add(with_w, add(mid[0], w))};
          });
          REQUIRE(inner.captures.size() == 2);
          CHECK(inner.graph.inputs.size() == 3);
          CHECK(inner.captures[0].array.trace() == Trace::outermost()->shared_from_this());
          return nnx::apply(inner.graph, std::vector<Array>{mid[0], inner.captures[0].array, inner.captures[1].array});
        });
        REQUIRE(middle.captures.size() == 1);
        return nnx::apply(middle.graph, std::vector<Array>{out[0], middle.captures[0].array});
      }).graph;
  // x + w + x + w with w = 3 y
  const Arrays result = nnx::apply(outer, std::vector<Array>{array<float>({1, 2}, {2}), array<float>({10, 20}, {2})});
  CHECK(result[0].to_vector<float>() == std::vector<float>{62, 124});
}

TEST_CASE("live inputs come after the declared ones, one for each key") {
  const auto key = std::make_shared<int>(1), other = std::make_shared<int>(2);
  const Traced t = trace({f32x2}, [&](std::span<const Array> in) {
    const Array a = Trace::current()->live_input(key, f32x2), b = Trace::current()->live_input(other, f32x2);
    CHECK(Trace::current()->live_input(key, f32x2).value() == a.value());
    return Arrays{add(add(in[0], a), b)};
  });
  REQUIRE(t.captures.size() == 2);
  CHECK(t.captures[0].live == key);
  CHECK(t.captures[1].live == other);
  CHECK(t.graph.inputs.size() == 3);
}

TEST_CASE("a traced value has no value yet, and none after its trace") {
  install_toy_evaluator();
  Array leaked;
  trace({f32x2}, [&](std::span<const Array> in) {
    CHECK(mentions(message_of([&] { in[0].to_vector<float>(); }), "the value of a traced f32[2] was asked for"));
    leaked = in[0];
    return Arrays{in[0]};
  });
  CHECK(mentions(message_of([&] { scale(leaked, 2); }), "a traced f32[2] is used after its trace has ended"));
  CHECK(mentions(message_of([&] { trace({f32x2}, [&](std::span<const Array>) { return Arrays{leaked}; }); }),
                 "is used after its trace has ended"));
  CHECK(Trace::current() == nullptr);  // the failed trace was closed
  CHECK(mentions(message_of([] { Array().buffer(); }), "undefined"));
}

TEST_CASE("a trace dropped by an exception leaves the outer one usable") {
  const Graph g =
      trace({f32x2}, [](std::span<const Array> in) {
        CHECK_THROWS_AS(trace({f32x2}, [](std::span<const Array> x) -> Arrays { return {add(x[0], Array())}; }), Error);
        return Arrays{scale(in[0], 2)};
      }).graph;
  CHECK(g.nodes.size() == 2);
}

TEST_CASE("inputs are declared before the first op, outputs must be defined") {
  TraceScope scope;
  const Array x = scope.input(f32x2);
  scale(x, 2);
  CHECK_THROWS_AS(scope.input(f32x2), Error);
  CHECK_THROWS_AS(scope.finish(std::vector<Array>{Array()}), Error);
}

TEST_CASE("check_finite checks at once, or becomes a guard that apply carries on") {
  install_toy_evaluator();
  const Array bad = array<float>({1, std::numeric_limits<float>::infinity()}, {2});
  CHECK(mentions(message_of([&] { check_finite(bad, "loss"); }), "loss: expected finite values"));
  CHECK(check_finite(array<float>({1, 2}, {2}), "loss").to_vector<float>() == std::vector<float>{1, 2});
  CHECK(check_finite(array<int32_t>({1}, {1}), "count").item<int32_t>() == 1);
  const Graph inner =
      trace({f32x2}, [](std::span<const Array> in) { return Arrays{check_finite(in[0], "loss")}; }).graph;
  const Graph outer = trace({f32x2}, [&](std::span<const Array> in) { return nnx::apply(inner, in); }).graph;
  REQUIRE(outer.guards.size() == 1);
  CHECK(outer.guards[0].name == "loss");
}

}  // namespace nnx::test
