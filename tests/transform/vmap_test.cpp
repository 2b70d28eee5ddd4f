#include "transform/vmap.h"

#include <doctest/doctest.h>

#include "transform/transform_cases.h"
#include "transform/vjp.h"

namespace nnx::test {
namespace {

// Example b of a batched Array.
Array example(const Array& batch, int64_t b) {
  const Shape shape = batch.shape().without(0);
  const std::vector<double> all = batch.to_vector<double>();
  const auto n = static_cast<size_t>(shape.size()), start = static_cast<size_t>(b) * n;
  return array<double>(std::span(all).subspan(start, n), shape);
}

}  // namespace

TEST_CASE("a batched graph gives what each example alone gives") {
  const Graph g = graph_of({f64({2, 3}), f64({3}), f64({2})}, [](std::span<const Array> in) {
    const Array y = tanh(matmul(in[0], in[1]) + in[2]);
    return Arrays{softmax(y), sum(y * y), transpose(in[0])};
  });
  const Array w = counting({2, 3}), x = counting({4, 3}, 0.1), bias = counting({4, 2}, 0.05);
  const Graph batched = vmap(g, {false, true, true}, 4);
  const Arrays results = reference::evaluate(batched, Arrays{w, x, bias});
  for (int64_t b = 0; b < 4; ++b) {
    const Arrays one = reference::evaluate(g, Arrays{w, example(x, b), example(bias, b)});
    for (size_t o = 0; o < one.size(); ++o) {
      const std::vector<double> expected = one[o].to_vector<double>(), got = example(results[o], b).to_vector<double>();
      for (size_t i = 0; i < expected.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-12));
    }
  }
}

TEST_CASE("ops that nothing batched reaches run once, outputs are broadcast") {
  const Graph g = graph_of({f64({3}), f64({})}, [](std::span<const Array> in) {
    const Array shared = exp(in[0]);
    return Arrays{shared, shared * in[1], array<double>({7}, {1})};
  });
  const Graph batched = vmap(g, {false, true}, 2);
  for (const Node& node : batched.nodes)
    if (node.kind == NodeKind::op && node.op->name == "exp") CHECK(node.types[0] == f64({3}));
  CHECK(batched.output_types() == std::vector<Type>{f64({2, 3}), f64({2, 3}), f64({2, 1})});
  const Batched as_they_are = batch(g, {false, true}, 2);
  CHECK(as_they_are.outputs == std::vector<bool>{false, true, false});
  CHECK(as_they_are.graph.output_types() == std::vector<Type>{f64({3}), f64({2, 3}), f64({1})});
  const Arrays results =
      reference::evaluate(batched, Arrays{array<double>({0, 0, 0}, {3}), array<double>({2, 5}, {2})});
  CHECK(results[0].to_vector<double>() == std::vector<double>{1, 1, 1, 1, 1, 1});
  CHECK(results[1].to_vector<double>() == std::vector<double>{2, 2, 2, 5, 5, 5});
  CHECK(results[2].to_vector<double>() == std::vector<double>{7, 7});
}

TEST_CASE("an op without a rule is batched through its expansion") {
  const Graph g = graph_of({f64({})}, [](std::span<const Array> in) { return Arrays{emit1(cube_op, {}, {in[0]})}; });
  const Arrays results = reference::evaluate(vmap(g, {true}, 3), Arrays{array<double>({1, 2, -3}, {3})});
  CHECK(results[0].to_vector<double>() == std::vector<double>{1, 8, -27});
}

TEST_CASE("vmap of vmap, of a vjp, and of an empty batch") {
  const Graph g = graph_of({f64({2}), f64({2})}, [](std::span<const Array> in) { return Arrays{sum(in[0] * in[1])}; });
  const Graph matrix = vmap(vmap(g, {false, true}, 3), {true, false}, 2);  // all pairs of rows: A B^T
  const Array a = array<double>({1, 2, 3, 4}, {2, 2}), b = array<double>({1, 0, 0, 1, 1, 1}, {3, 2});
  CHECK(reference::evaluate(matrix, Arrays{a, b})[0].to_vector<double>() == std::vector<double>{1, 2, 3, 3, 4, 7});

  const Graph per_example = vmap(value_and_grad(g, {0}), {false, true}, 3);
  const Arrays gradients = reference::evaluate(per_example, Arrays{array<double>({1, 2}, {2}), b});
  CHECK(gradients[1].to_vector<double>() == b.to_vector<double>());

  const Graph none = vmap(g, {true, false}, 0);
  CHECK(reference::evaluate(none, Arrays{array<double>({}, {0, 2}), array<double>({1, 2}, {2})})[0].shape() ==
        Shape{0});
}

TEST_CASE("random keys are drawn for each example") {
  const Graph g = graph_of({{DType::u32, {2}}}, [](std::span<const Array> in) {
    return Arrays{random::uniform(in[0], {5}), random::bits(random::fold_in(in[0], 3), {2})};
  });
  const Array keys = array<uint32_t>({0, 1, 0, 2}, {2, 2});
  const Arrays results = reference::evaluate(vmap(g, {true}, 2), Arrays{keys});
  for (const uint32_t b : {0u, 1u}) {
    const Arrays one = reference::evaluate(g, Arrays{array<uint32_t>({0, b + 1}, {2})});
    for (size_t i = 0; i < 5; ++i) CHECK(results[0].data<float>()[b * 5 + i] == one[0].data<float>()[i]);
    for (size_t i = 0; i < 2; ++i) CHECK(results[1].data<uint32_t>()[b * 2 + i] == one[1].data<uint32_t>()[i]);
  }
}

TEST_CASE("guards stay, and watch the whole batch") {
  const Graph g =
      graph_of({f64({})}, [](std::span<const Array> in) { return Arrays{check_finite(log(in[0]), "loss")}; });
  const Graph batched = vmap(g, {true}, 2);
  REQUIRE(batched.guards.size() == 1);
  CHECK(batched.type(batched.guards[0].value) == f64({2}));
  CHECK_NOTHROW(reference::evaluate(batched, Arrays{array<double>({1, 2}, {2})}));
  CHECK(message_of([&] {
          reference::evaluate(batched, Arrays{array<double>({1, 0}, {2})});
        }) == "loss: expected finite values, got a NaN or infinity");
}

TEST_CASE("what cannot be batched, and a wrong rule, are named") {
  const auto batch = [](const OpDef& op) {
    const Graph g = graph_of({f64({2})}, [&](std::span<const Array> in) { return Arrays{emit1(op, {}, {in[0]})}; });
    return message_of([&] { vmap(g, {true}, 3); });
  };
  CHECK(batch(bare_op) == "toy_bare: cannot be batched: it has neither a batching rule nor an expansion");
  CHECK(batch(wrong_type_op) == "toy_wrong_type batch: output 0: expected f64[3,2], got f64[1,3,2]");
  CHECK(batch(wrong_count_op) == "toy_wrong_count batch: expected 1 outputs, got 0");
  CHECK(batch(bad_expansion_op) == "toy_bad_expansion: its expansion has other types than it infers");
  const Graph g = graph_of({f64({2})}, [](std::span<const Array> in) { return Arrays{in[0]}; });
  CHECK_THROWS_AS(vmap(g, {true, false}, 3), Error);
}

}  // namespace nnx::test
