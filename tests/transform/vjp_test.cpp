#include "transform/vjp.h"

#include <doctest/doctest.h>

#include <cmath>

#include "transform/transform_cases.h"

namespace nnx::test {
namespace {

std::vector<double> run(const Graph& graph, const Arrays& inputs, size_t output) {
  return reference::evaluate(graph, inputs).at(output).to_vector<double>();
}

}  // namespace

TEST_CASE("a shared value sums its cotangents") {
  const Graph g = graph_of({f64({3})}, [](std::span<const Array> in) {
    const Array y = in[0] * in[0];
    return Arrays{y * in[0] + y};  // x^3 + x^2
  });
  const Array x = array<double>({1, 2, -3}, {3}), ct = array<double>({1, 10, 100}, {3});
  const Graph backward = vjp(g, {0}, {0});
  CHECK(backward.inputs.size() == 2);
  CHECK(run(backward, {x, ct}, 0) == std::vector<double>{2, 12, -18});
  CHECK(run(backward, {x, ct}, 1) == std::vector<double>{5, 160, 2100});  // (3 x^2 + 2 x) ct
}

TEST_CASE("several inputs and outputs, in the order asked for") {
  const Graph g = graph_of({f64({}), f64({}), f64({})}, [](std::span<const Array> in) {
    return Arrays{in[0] * in[1], in[1] * in[2], in[0]};
  });
  const Arrays x{scalar(2.0), scalar(3.0), scalar(5.0)};
  const Graph backward = vjp(g, {2, 0, 1}, {1, 0});
  Arrays arguments = x;
  arguments.push_back(scalar(10.0));   // of x1 x2
  arguments.push_back(scalar(100.0));  // of x0 x1
  CHECK(run(backward, arguments, 3) == std::vector<double>{30});
  CHECK(run(backward, arguments, 4) == std::vector<double>{300});
  CHECK(run(backward, arguments, 5) == std::vector<double>{250});
  // An output listed twice has two cotangents; an output may be an input itself.
  const Graph twice = vjp(g, {0}, {2, 2});
  arguments = x;
  arguments.push_back(scalar(1.0));
  arguments.push_back(scalar(7.0));
  CHECK(run(twice, arguments, 3) == std::vector<double>{8});
}

TEST_CASE("what nothing flows into has a gradient of zeros") {
  const Graph g = graph_of({f64({2}), f64({3})}, [](std::span<const Array> in) {
    return Arrays{sum(floor(in[0]) + stop_gradient(in[0]) + cast(cast(in[0], DType::i32), DType::f64)), in[1]};
  });
  const Graph backward = vjp(g, {0, 1}, {0});
  const Arrays results = reference::evaluate(backward, Arrays{counting({2}), counting({3}), scalar(1.0)});
  CHECK(results[2].to_vector<double>() == std::vector<double>{0, 0});
  CHECK(results[3].to_vector<double>() == std::vector<double>{0, 0, 0});
}

TEST_CASE("only what lies between wrt and of is differentiated") {
  const Graph g = graph_of({f64({2}), f64({2})}, [](std::span<const Array> in) {
    return Arrays{sum(emit1(bare_op, {}, {in[1]}) * in[0]), emit1(bare_op, {}, {in[0]})};  // toy_bare has no rule
  });
  const Graph backward = vjp(g, {0}, {0});
  CHECK(backward.outputs.size() == 3);
  CHECK(message_of([&] { vjp(g, {1}, {0}); }) ==
        "toy_bare: cannot be differentiated: it has neither a vjp rule nor an expansion");
  CHECK_THROWS_AS(vjp(g, {0}, {1}), Error);
}

TEST_CASE("an op without a rule is differentiated through its expansion, through any depth") {
  const Graph g = graph_of({f64({2})}, [](std::span<const Array> in) { return Arrays{emit1(cube_op, {}, {in[0]})}; });
  const Array x = array<double>({2, -3}, {2}), ct = array<double>({1, 10}, {2});
  CHECK(run(vjp(g, {0}, {0}), {x, ct}, 1) == std::vector<double>{12, 270});
  const Graph bad =
      graph_of({f64({2})}, [](std::span<const Array> in) { return Arrays{emit1(bad_expansion_op, {}, {in[0]})}; });
  CHECK(message_of([&] { vjp(bad, {0}, {0}); }) == "toy_bad_expansion: its expansion has other types than it infers");
}

TEST_CASE("a wrong rule is named") {
  const auto graph_with = [](const OpDef& op) {
    return graph_of({f64({2})}, [&](std::span<const Array> in) { return Arrays{emit1(op, {}, {in[0]})}; });
  };
  CHECK(message_of([&] { vjp(graph_with(wrong_type_op), {0}, {0}); }) ==
        "toy_wrong_type vjp: cotangent 0: expected f64[2], got f64[1,2]");
  CHECK(message_of([&] { vjp(graph_with(wrong_count_op), {0}, {0}); }) ==
        "toy_wrong_count vjp: expected 1 cotangents, got 0");
}

TEST_CASE("integers have no gradient") {
  const Graph g = graph_of({f64({2}), {DType::i32, {}}}, [](std::span<const Array> in) {
    return Arrays{take(in[0], in[1], 0), in[1]};
  });
  const Graph backward = vjp(g, {0}, {0});
  CHECK(run(backward, {counting({2}), scalar(1), scalar(3.0)}, 2) == std::vector<double>{0, 3});
  CHECK(message_of([&] { vjp(g, {1}, {0}); }) == "gradient: input 1: expected f32 or f64, got i32[]");
  CHECK(message_of([&] { vjp(g, {0}, {1}); }) == "gradient: output 1: expected f32 or f64, got i32[]");
  CHECK_THROWS_AS(vjp(g, {2}, {0}), Error);
}

TEST_CASE("guards stay, and constants are not differentiated") {
  const Graph g = graph_of({f64({2})}, [](std::span<const Array> in) {
    return Arrays{check_finite(sum(in[0] * array<double>({3, 4}, {2})), "loss")};
  });
  const Graph backward = value_and_grad(g, {0});
  REQUIRE(backward.guards.size() == 1);
  CHECK(backward.guards[0].name == "loss");
  CHECK(run(backward, {counting({2})}, 1) == std::vector<double>{3, 4});
}

TEST_CASE("value_and_grad gives the outputs and the gradients of the first") {
  const Graph g = graph_of({f64({2, 3}), f64({3})}, [](std::span<const Array> in) {
    const Array y = matmul(in[0], in[1]);
    return Arrays{sum(square(y)), y};
  });
  const Array w = array<double>({1, 2, 3, 4, 5, 6}, {2, 3}), x = array<double>({1, 0, -1}, {3});
  const Arrays results = reference::evaluate(value_and_grad(g, {1, 0}), Arrays{w, x});
  CHECK(results[0].item<double>() == 8);
  CHECK(results[1].to_vector<double>() == std::vector<double>{-2, -2});
  CHECK(results[2].to_vector<double>() == std::vector<double>{-20, -28, -36});       // 2 W^T y
  CHECK(results[3].to_vector<double>() == std::vector<double>{-4, 0, 4, -4, 0, 4});  // 2 y x^T
  const Graph vector_loss = graph_of({f64({2})}, [](std::span<const Array> in) { return Arrays{in[0]}; });
  CHECK(message_of([&] { value_and_grad(vector_loss, {0}); }) ==
        "gradient: expected a loss that is a floating scalar, got f64[2]");
}

TEST_CASE("gradients of gradients, to third order") {
  // x^4: 4 x^3, 12 x^2, 24 x
  Graph g = graph_of({f64({})}, [](std::span<const Array> in) { return Arrays{square(square(in[0]))}; });
  double expected = 1;
  for (const double factor : {4.0, 3.0, 2.0}) {
    const Graph both = value_and_grad(g, {0});
    g = graph_of({f64({})}, [&](std::span<const Array> in) { return Arrays{nnx::apply(both, in)[1]}; });
    expected *= factor;
    const double power = factor - 1;
    CHECK(run(g, {scalar(3.0)}, 0)[0] == doctest::Approx(expected * std::pow(3.0, power)).epsilon(1e-12));
  }
}

TEST_CASE("the result does not depend on the order of recording") {
  const auto build = [](bool left_first) {
    return graph_of({f64({5})}, [&](std::span<const Array> in) {
      Array a, b;
      if (left_first) a = tanh(in[0]), b = exp(in[0]);
      else b = exp(in[0]), a = tanh(in[0]);
      return Arrays{a * b + in[0] * a};  // three cotangents meet in x: their order decides the last bit
    });
  };
  CHECK(to_string(build(true)) != to_string(build(false)));
  CHECK(to_string(vjp(build(true), {0}, {0})) == to_string(vjp(build(false), {0}, {0})));
}

TEST_CASE("a vjp inside a trace") {
  const Graph inner = graph_of({f64({2})}, [](std::span<const Array> in) { return Arrays{sum(square(in[0]))}; });
  const Graph outer = graph_of({f64({2})}, [&](std::span<const Array> in) {
    return Arrays{nnx::apply(value_and_grad(inner, {0}), std::vector<Array>{in[0] * 3.0})[1]};
  });
  CHECK(run(outer, {array<double>({1, 2}, {2})}, 0) == std::vector<double>{6, 12});
}

TEST_CASE("a layer costs no more nodes than by hand") {
  const Graph g = graph_of({f64({4, 3}), f64({3, 2}), f64({2})},
                           [](std::span<const Array> in) { return Arrays{sum(relu(matmul(in[0], in[1]) + in[2]))}; });
  const Graph backward = value_and_grad(g, {1, 2});
  CHECK(count_ops(backward, "dot_general") == 2);  // forward and the weight's gradient; none for the input
}

}  // namespace nnx::test
