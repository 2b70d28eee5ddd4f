// Gradients and batches of remat, switch, while_loop and custom_vjp.
#include "transform/body_rules.h"

#include <algorithm>

#include "ops/attrs.h"
#include "transform/body_cases.h"
#include "transform/vmap.h"

namespace nnx::test {
namespace {

using Span = std::span<const Array>;

}  // namespace

TEST_CASE("bodies are compared by structure: equal ones make one node, by whatever pointers") {
  const auto body = [](double factor) {
    return shared_graph({f64({})}, [&](Span in) { return Arrays{sin(in[0]) * factor}; });
  };
  const auto nodes = [&](const GraphRef& a, const GraphRef& b) {
    const Graph g = graph_of({{DType::i32, {}}, f64({})}, [&](Span in) {
      const Array first = switch_case(in[0], {a, body(5)}, in.subspan(1))[0];
      const Array second = switch_case(in[0], {b, body(5)}, in.subspan(1))[0];
      return Arrays{first + second};
    });
    return count_ops(g, "switch");
  };
  CHECK(nodes(body(2), body(2)) == 1);
  CHECK(nodes(body(2), body(3)) == 2);
}

// ---- remat

TEST_CASE("remat changes no value and no gradient, and its backward computes the body again") {
  const GraphRef body = shared_graph({f64({4, 3}), f64({3}), {DType::i32, {}}}, [](Span in) {
    return Arrays{sin(tanh(matmul(in[0], in[1]))), in[2] + 1.0, exp(in[1])};
  });
  const auto graph = [&](bool again) {
    return graph_of(body->input_types(), [&](Span in) { return again ? remat(body, in) : nnx::apply(*body, in); });
  };
  const Graph with = graph(true), without = graph(false);
  const Arrays inputs{counting({4, 3}, 0.1), counting({3}, 0.2), scalar<int32_t>(5)};
  check_same(with, without, inputs);
  for (const std::vector<int>& wrt : {std::vector<int>{0, 1}, std::vector<int>{1}})
    for (const std::vector<int>& of : {std::vector<int>{0, 2}, std::vector<int>{0}}) {
      const Arrays arguments = with_cotangents(with, inputs, of);
      check_same(vjp(with, wrt, of), vjp(without, wrt, of), arguments);
      check_same_second(vjp(with, wrt, of), vjp(without, wrt, of), wrt, arguments);
    }
  // Nothing but the inputs and the cotangent crosses from one remat to the other.
  const Graph backward = vjp(with, {0, 1}, {0});
  const std::vector<const Node*> remats = nodes_of(backward, "remat");
  REQUIRE(remats.size() == 2);
  for (const Value v : remats[1]->inputs) CHECK(backward.nodes[v.node].kind == NodeKind::input);
  CHECK(remats[1]->inputs.size() == 3);
  CHECK(count_ops(*remats[1]->attrs.as<CallAttrs>().body, "tanh") == 1);
}

TEST_CASE("an output of a remat that no gradient is asked of costs none") {
  const GraphRef body = shared_graph({f64({3}), f64({3})}, [](Span in) { return Arrays{sin(in[0]), exp(in[1])}; });
  const Graph g = graph_of(body->input_types(), [&](Span in) { return remat(body, in); });
  const Graph backward = vjp(g, {0, 1}, {1});
  CHECK(count_ops(*nodes_of(backward, "remat").at(1)->attrs.as<CallAttrs>().body, "cos") == 0);
  CHECK(reference::evaluate(backward, Arrays{counting({3}), counting({3}), counting({3})})[2].to_vector<double>() ==
        std::vector<double>{0, 0, 0});
}

// ---- switch

TEST_CASE("a switch has the gradient of the branch that is taken") {
  const std::vector<GraphRef> branches{
      shared_graph({f64({3}), f64({3})}, [](Span in) { return Arrays{in[0] * in[1]}; }),
      shared_graph({f64({3}), f64({3})}, [](Span in) { return Arrays{sin(in[0])}; }),
      shared_graph({f64({3}), f64({3})}, [](Span in) { return Arrays{tanh(in[1]) * in[1]}; })};
  const Graph g = graph_of({{DType::i32, {}}, f64({3}), f64({3})}, [&](Span in) {
    return switch_case(in[0], branches, in.subspan(1));
  });
  for (const int32_t index : {-1, 0, 1, 2, 5}) {
    const GraphRef taken = branches[static_cast<size_t>(std::clamp(index, 0, 2))];
    const Graph alone = graph_of({{DType::i32, {}}, f64({3}), f64({3})}, [&](Span in) {
      return nnx::apply(*taken, in.subspan(1));
    });
    const Arrays inputs{scalar(index), counting({3}, 0.3), counting({3}, 0.2)};
    check_same(g, alone, inputs);
    const Arrays arguments = with_cotangents(g, inputs, {0});
    check_same(vjp(g, {1, 2}, {0}), vjp(alone, {1, 2}, {0}), arguments);
    check_same_second(vjp(g, {1, 2}, {0}), vjp(alone, {1, 2}, {0}), {1, 2}, arguments);
  }
}

TEST_CASE("a batch of operands leaves a switch one switch; a batch of indices selects") {
  const std::vector<GraphRef> branches{
      shared_graph({f64({}), f64({})}, [](Span in) { return Arrays{in[0], in[1]}; }),
      shared_graph({f64({}), f64({})}, [](Span in) { return Arrays{in[1] * 2.0, in[1]}; })};
  const Graph g = graph_of({{DType::i32, {}}, f64({}), f64({})}, [&](Span in) {
    return switch_case(in[0], branches, in.subspan(1));
  });
  const Batched operands = batch(g, {false, true, false}, 2);
  CHECK(count_ops(operands.graph, "switch") == 1);
  CHECK(operands.outputs == std::vector<bool>{true, false});
  const Graph indices = vmap(g, {true, false, true}, 3);
  CHECK(count_ops(indices, "switch") == 0);
  const Arrays results = reference::evaluate(
      indices, Arrays{array<int32_t>({0, 1, 9}, {3}), scalar(5.0), array<double>({1, 2, 3}, {3})});
  CHECK(results[0].to_vector<double>() == std::vector<double>{5, 4, 6});
}

TEST_CASE("branches that do not fit are named") {
  const GraphRef two = shared_graph({f64({})}, [](Span in) { return Arrays{in[0], in[0]}; });
  const GraphRef one = shared_graph({f64({})}, [](Span in) { return Arrays{in[0]}; });
  const GraphRef single = shared_graph({f64({})}, [](Span in) { return Arrays{cast(in[0], DType::f32)}; });
  const auto message = [](const std::vector<GraphRef>& branches, Type index = {DType::i32, {}}) {
    return message_of([&] {
      graph_of({index, f64({})}, [&](Span in) { return switch_case(in[0], branches, in.subspan(1)); });
    });
  };
  CHECK(message({one, two}) == "switch branch 1, as the first: expected 1 outputs, got 2");
  CHECK(message({one, single}) == "switch branch 1, as the first: output 0: expected f64[], got f32[]");
  CHECK(message({one}, {DType::u32, {}}) == "switch: expected an index i32[], got u32[]");
  CHECK(message({}) == "switch: expected at least one branch, got none");
}

// ---- while_loop

namespace {

// Halves x until it is at most the bound; counts the rounds, and keeps a value that no round changes.
Graph halving() {
  const GraphRef condition = shared_graph({f64({}), f64({}), {DType::i32, {}}, f64({})}, [](Span in) {
    return Arrays{greater(in[1], in[0])};
  });
  const GraphRef body = shared_graph({f64({}), f64({}), {DType::i32, {}}, f64({})}, [](Span in) {
    return Arrays{in[1] * in[0], in[2] + 1.0, in[3]};
  });
  return graph_of({f64({}), f64({}), f64({}), {DType::i32, {}}, f64({})}, [&](Span in) {
    return while_loop(condition, in.first(1), body, in.subspan(1, 1), in.subspan(2));
  });
}

}  // namespace

TEST_CASE("examples of a batch leave a while loop when they are done") {
  const Graph g = halving();
  const Arrays one = reference::evaluate(g, Arrays{scalar(1.0), scalar(0.5), scalar(9.0), scalar<int32_t>(0), scalar(7.0)});
  CHECK(one[0].item<double>() == 0.5625);
  CHECK(one[1].item<int32_t>() == 4);
  const Batched batched = batch(g, {false, false, true, false, false}, 3);
  CHECK(batched.outputs == std::vector<bool>{true, true, true});
  const Arrays many = reference::evaluate(
      batched.graph, Arrays{scalar(1.0), scalar(0.5), array<double>({9, 0.5, 3}, {3}), scalar<int32_t>(0), scalar(7.0)});
  CHECK(many[0].to_vector<double>() == std::vector<double>{0.5625, 0.5, 0.75});
  CHECK(many[1].to_vector<int32_t>() == std::vector<int32_t>{4, 0, 2});
  const Graph none = vmap(g, {false, false, true, false, false}, 0);
  CHECK(reference::evaluate(none, Arrays{scalar(1.0), scalar(0.5), array<double>({}, {0}), scalar<int32_t>(0),
                                         scalar(7.0)})[0].shape() == Shape{0});
}

TEST_CASE("a batch that the condition does not read leaves the number of rounds alone") {
  const Graph g = halving();
  // The kept value alone is batched: the loop stays one of scalars, with one batched carry.
  const Batched batched = batch(g, {false, false, false, false, true}, 3);
  CHECK(batched.outputs == std::vector<bool>{false, false, true});
  const Arrays results = reference::evaluate(
      batched.graph, Arrays{scalar(1.0), scalar(0.5), scalar(9.0), scalar<int32_t>(0), array<double>({1, 2, 3}, {3})});
  CHECK(results[0].item<double>() == 0.5625);
  CHECK(results[2].to_vector<double>() == std::vector<double>{1, 2, 3});
}

TEST_CASE("a while loop has no gradient, and says what has") {
  const Graph g = halving();
  CHECK(message_of([&] { vjp(g, {2}, {0}); }) ==
        "gradient: while_loop: the gradient of a loop needs a number of rounds that is known beforehand; use scan, or a "
        "fori_loop with static bounds");
  // Where nothing flows through it there is nothing to say.
  const Graph beside = graph_of(g.input_types(), [&](Span in) {
    return Arrays{nnx::apply(g, in)[0], in[2] * in[2]};
  });
  CHECK(reference::evaluate(vjp(beside, {2}, {1}), Arrays{scalar(1.0), scalar(0.5), scalar(9.0), scalar<int32_t>(0),
                                                          scalar(7.0), scalar(1.0)})[2].item<double>() == 18);
}

TEST_CASE("a guard in the body of a while loop holds for every round") {
  const GraphRef condition = shared_graph({f64({})}, [](Span in) { return Arrays{less(in[0], 3)}; });
  const GraphRef body = shared_graph({f64({})}, [](Span in) {
    check_finite(log(in[0]), "step");   // of 0 it is not, in the middle of the way
    return Arrays{in[0] + 1.0};
  });
  const Graph g = graph_of({f64({})}, [&](Span in) { return while_loop(condition, {}, body, {}, in); });
  CHECK(g.outputs.size() == 1);
  CHECK(reference::evaluate(g, Arrays{scalar(0.5)})[0].item<double>() == 3.5);
  CHECK(message_of([&] { reference::evaluate(g, Arrays{scalar(-0.0)}); }) ==
        "step: expected finite values, got a NaN or infinity");
}

// ---- custom_vjp

TEST_CASE("custom_vjp has the gradient it is given, also in a batch") {
  // x^2 n, whose cotangents are said to be those of the residual x + 1.
  const Type x = f64({2}), n{DType::i32, {}};
  const GraphRef body = shared_graph({x, n, x}, [](Span in) { return Arrays{in[1] + 1.0, square(in[0])}; });
  const GraphRef forward = shared_graph({x, n, x}, [](Span in) { return Arrays{in[1] + 1.0, square(in[0]), in[0] + 1.0}; });
  const GraphRef backward = shared_graph({x, x}, [](Span in) { return Arrays{in[0] * in[1], in[1]}; });
  const Graph g = graph_of({x, n, x}, [&](Span in) { return custom_vjp(body, forward, backward, in); });
  const Arrays inputs{array<double>({2, 3}, {2}), scalar<int32_t>(4), array<double>({0, 0}, {2})};
  const Arrays plain = reference::evaluate(g, inputs);
  CHECK(plain[0].item<int32_t>() == 5);
  CHECK(plain[1].to_vector<double>() == std::vector<double>{4, 9});
  Arrays arguments = inputs;
  arguments.push_back(array<double>({1, 10}, {2}));
  const Arrays results = reference::evaluate(vjp(g, {0, 2}, {1}), arguments);
  CHECK(results[1].to_vector<double>() == std::vector<double>{4, 9});
  CHECK(results[2].to_vector<double>() == std::vector<double>{3, 40});
  CHECK(results[3].to_vector<double>() == std::vector<double>{1, 10});

  const Graph of_batch = vjp(vmap(g, {true, false, false}, 3), {0, 2}, {1});
  const Array rows = array<double>({2, 3, 4, 5, 6, 7}, {3, 2}), ones_in = array<double>({1, 1, 1, 1, 1, 1}, {3, 2});
  const Arrays many = reference::evaluate(of_batch, Arrays{rows, inputs[1], inputs[2], ones_in});
  CHECK(many[2].to_vector<double>() == std::vector<double>{3, 4, 5, 6, 7, 8});
  CHECK(many[3].to_vector<double>() == std::vector<double>{3, 3});   // the sum over the batch it was shared by
}

TEST_CASE("the gradient of a custom gradient is that of its formulas") {
  const GraphRef body = shared_graph({f64({})}, [](Span in) { return Arrays{sin(in[0])}; });
  const GraphRef forward = shared_graph({f64({})}, [](Span in) { return Arrays{sin(in[0]), in[0] * in[0] * in[0]}; });
  const GraphRef backward = shared_graph({f64({}), f64({})}, [](Span in) { return Arrays{in[0] * in[1]}; });
  const Graph g = graph_of({f64({})}, [&](Span in) { return custom_vjp(body, forward, backward, in); });
  const Graph first = vjp(g, {0}, {0});   // x, ct -> sin x, x^3 ct
  CHECK(reference::evaluate(first, Arrays{scalar(2.0), scalar(1.0)})[1].item<double>() == 8);
  const Graph second = vjp(first, {0, 1}, {1});
  const Arrays results = reference::evaluate(second, Arrays{scalar(2.0), scalar(1.0), scalar(1.0)});
  CHECK(results[2].item<double>() == 12);   // 3 x^2
  CHECK(results[3].item<double>() == 8);
}

TEST_CASE("guards leave the bodies of branches, remats and custom gradients") {
  const GraphRef watched = shared_graph({f64({})}, [](Span in) { return Arrays{check_finite(log(in[0]), "log")}; });
  const GraphRef free = shared_graph({f64({})}, [](Span in) { return Arrays{in[0]}; });
  const GraphRef forward = shared_graph({f64({})}, [](Span in) { return Arrays{check_finite(log(in[0]), "log"), in[0]}; });
  const GraphRef backward = shared_graph({f64({}), f64({})}, [](Span in) { return Arrays{in[1] / in[0]}; });
  const auto check_guarded = [](const Graph& g, double good, double bad, Arrays more) {
    CHECK(g.outputs.size() == 1);
    for (const Graph& graph : {g, vjp(g, {static_cast<int>(more.size())}, {0})}) {
      const auto run = [&](double x) {
        Arrays in = more;
        in.push_back(scalar(x));
        if (graph.inputs.size() > in.size()) in.push_back(scalar(1.0));
        return message_of([&] { reference::evaluate(graph, in); });
      };
      CHECK(run(good) == "");
      CHECK(run(bad) == "log: expected finite values, got a NaN or infinity");
    }
  };
  check_guarded(graph_of({f64({})}, [&](Span in) { return remat(watched, in); }), 2, -2, {});
  check_guarded(graph_of({f64({})}, [&](Span in) { return call(watched, in); }), 2, -2, {});
  check_guarded(graph_of({f64({})}, [&](Span in) { return custom_vjp(watched, forward, backward, in); }), 2, -2, {});
  const Graph choice = graph_of({{DType::i32, {}}, f64({})}, [&](Span in) {
    return switch_case(in[0], {watched, free, watched}, in.subspan(1));
  });
  CHECK(choice.guards.size() == 2);
  check_guarded(choice, 2, -2, {scalar<int32_t>(0)});
  check_guarded(choice, 2, -2, {scalar<int32_t>(2)});
  CHECK_NOTHROW(reference::evaluate(choice, Arrays{scalar<int32_t>(1), scalar(-2.0)}));
}

}  // namespace nnx::test
