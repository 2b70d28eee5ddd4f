// Laws of scan: a scan is the loop written out, in values, gradients and gradients of gradients.
#include <doctest/doctest.h>

#include <algorithm>

#include "ops/attrs.h"
#include "transform/body_cases.h"
#include "transform/vjp.h"
#include "transform/vmap.h"

namespace nnx::test {
namespace {

using Span = std::span<const Array>;

const Type weight{DType::f64, {3, 3}}, key{DType::u32, {2}}, state{DType::f64, {3}}, count{DType::i32, {}},
    slice{DType::f64, {3}};

// Constants w and key, carries h, n and total, xs x; ys a scalar, and the count as it came.
Arrays body_of_test(Span in) {
  const Array &w = in[0], &h = in[2], &n = in[3], &total = in[4], &x = in[5];
  const Array mask = cast(random::bernoulli(random::fold_in(in[1], n), 0.5, {3}), DType::f64);
  const Array next = tanh(matmul(h, w) + x * mask);
  return {next + h * 0.5, n + 1.0, total + sum(next * next), sum(next * x), n};
}
const GraphRef body = shared_graph({weight, key, state, count, f64({}), slice}, body_of_test);

std::vector<Type> types_of_test(int64_t length) { return {weight, key, state, count, f64({}), f64({length, 3})}; }

Arrays inputs_of_test(int64_t length) {
  return {counting({3, 3}, 0.1),   array<uint32_t>({1, 7}, {2}),    counting({3}, 0.3), scalar<int32_t>(4), scalar(0.5),
          counting({length, 3}, 0.07)};
}

Graph scanned(int64_t length, bool reverse, int64_t unroll) {
  return graph_of(types_of_test(length), [&](Span in) {
    ScanResult r = scan(body, in.first(2), in.subspan(2, 3), in.subspan(5), length, reverse, unroll);
    r.carries.insert(r.carries.end(), r.ys.begin(), r.ys.end());
    return r.carries;
  });
}

// The same loop, written out by hand.
Graph written_out(int64_t length, bool reverse) {
  return graph_of(types_of_test(length), [&](Span in) {
    Arrays carries(in.begin() + 2, in.begin() + 5);
    Arrays losses(static_cast<size_t>(length)), counts(static_cast<size_t>(length));
    for (int64_t step = 0; step < length; ++step) {
      const int64_t i = reverse ? length - 1 - step : step;
      const Arrays out = nnx::apply(
          *body, Arrays{in[0], in[1], carries[0], carries[1], carries[2], index_axis(in[5], 0, i)});
      std::copy_n(out.begin(), 3, carries.begin());
      losses[static_cast<size_t>(i)] = out[3];
      counts[static_cast<size_t>(i)] = out[4];
    }
    carries.push_back(length > 0 ? stack(losses) : zeros({0}, DType::f64));
    carries.push_back(length > 0 ? stack(counts) : zeros({0}, DType::i32));
    return carries;
  });
}

}  // namespace

TEST_CASE("a scan is the loop written out: values, gradients and their gradients") {
  const std::vector<std::vector<int>> active{{0, 2, 4, 5}, {0}, {2}, {5}, {4}, {0, 5}};
  for (const int64_t length : {0, 1, 2, 7})
    for (const bool reverse : {false, true}) {
      const Graph expected = written_out(length, reverse);
      for (const int64_t unroll : {1, 2, 3, 10}) {
        INFO("length " << length << ", reverse " << reverse << ", unroll " << unroll);
        const Graph got = scanned(length, reverse, unroll);
        verify(got);
        check_same(got, expected, inputs_of_test(length));
        for (const std::vector<int>& wrt : active)
          for (const std::vector<int>& of : {std::vector<int>{0, 2, 3}, std::vector<int>{2}, std::vector<int>{3}}) {
            const Graph gradient = vjp(got, wrt, of), expected_gradient = vjp(expected, wrt, of);
            verify(gradient);
            const Arrays inputs = with_cotangents(got, inputs_of_test(length), of);
            check_same(gradient, expected_gradient, inputs);
            if (unroll == 1 || unroll == 3) check_same_second(gradient, expected_gradient, wrt, inputs);
          }
      }
    }
}

TEST_CASE("unrolling leaves a shorter loop, and none when it reaches the length") {
  CHECK(count_ops(scanned(7, false, 1), "scan") == 1);
  CHECK(count_ops(scanned(7, false, 2), "scan") == 1);   // three pairs, and one body more
  CHECK(count_ops(scanned(7, false, 3), "scan") == 1);
  CHECK(count_ops(scanned(8, true, 3), "scan") == 2);    // two threes, then a scan over two
  CHECK(count_ops(scanned(7, false, 7), "scan") == 0);
  CHECK(count_ops(scanned(7, false, 10), "scan") == 0);
  CHECK(count_ops(scanned(0, false, 1), "scan") == 0);
}

TEST_CASE("a scan outside a trace runs at once") {
  reference::install_evaluator();
  const GraphRef sums = shared_graph({f64({}), f64({})}, [](Span in) { return Arrays{in[0] + in[1], in[0]}; });
  const ScanResult r = scan(sums, {}, Arrays{scalar(1.0)}, Arrays{array<double>({1, 2, 3}, {3})}, 3);
  CHECK(r.carries[0].item<double>() == 7);
  CHECK(r.ys[0].to_vector<double>() == std::vector<double>{1, 2, 4});
  const ScanResult backwards = scan(sums, {}, Arrays{scalar(1.0)}, Arrays{array<double>({1, 2, 3}, {3})}, 3, true);
  CHECK(backwards.ys[0].to_vector<double>() == std::vector<double>{6, 4, 1});
}

TEST_CASE("what does not fit is named") {
  const GraphRef sums = shared_graph({f64({3}), f64({3})}, [](Span in) { return Arrays{in[0] + in[1], in[0]}; });
  const GraphRef grows = shared_graph({f64({3})}, [](Span in) { return Arrays{concatenate({in[0], in[0]}, 0)}; });
  const auto message = [](const GraphRef& b, std::vector<Type> carries, std::vector<Type> xs, int64_t length,
                          int64_t unroll = 1) {
    return message_of([&] {
      std::vector<Type> types = carries;
      types.insert(types.end(), xs.begin(), xs.end());
      graph_of(types, [&](Span in) {
        return scan(b, {}, in.first(carries.size()), in.subspan(carries.size()), length, false, unroll).carries;
      });
    });
  };
  CHECK(message(sums, {f64({4})}, {f64({5, 3})}, 5) == "scan: carry 0: expected f64[3], got f64[4]");
  CHECK(message(sums, {f64({3})}, {f64({4, 3})}, 5) == "scan: xs 0: expected f64[5,3], got f64[4,3]");
  CHECK(message(sums, {f64({3})}, {f64({4, 3})}, 5, 5) == "scan: xs 0: expected f64[5,3], got f64[4,3]");
  CHECK(message(grows, {f64({3})}, {}, 5) ==
        "scan: carry 0 that comes out of the body: expected f64[3], got f64[6]");
  CHECK(message(sums, {f64({3})}, {}, 5) ==
        "scan: expected a body of 0 constants, 1 carries and a slice of each xs, in all 1, got 2 inputs");
  CHECK(message(sums, {f64({3})}, {f64({5, 3})}, -1) ==
        "scan: expected a length of at least 0 and an unroll of at least 1, got -1 and 1");
}

TEST_CASE("a scan of a scan: values, gradients and their gradients") {
  // Rows of a matrix, and in each row its elements; the inner scan reads a weight of the outer one's constants.
  const GraphRef inner = shared_graph({f64({}), f64({}), f64({})}, [](Span in) {
    return Arrays{tanh(in[0] * in[1] + in[2]), in[1] * in[2]};
  });
  const GraphRef outer = shared_graph({f64({}), f64({}), f64({4})}, [&](Span in) {
    const ScanResult r = scan(inner, in.first(1), in.subspan(1, 1), in.subspan(2), 4);
    return Arrays{r.carries[0], sum(r.ys[0])};
  });
  const auto loops = [&](bool nodes) {
    return graph_of({f64({}), f64({}), f64({3, 4})}, [&](Span in) {
      Array h = in[1], total = zeros({}, DType::f64);
      if (nodes) {
        const ScanResult r = scan(outer, in.first(1), in.subspan(1, 1), in.subspan(2), 3);
        return Arrays{r.carries[0], sum(r.ys[0])};
      }
      for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 4; ++j) {
          const Arrays out = nnx::apply(*inner, Arrays{in[0], h, index_axis(index_axis(in[2], 0, i), 0, j)});
          h = out[0];
          total = total + out[1];
        }
      return Arrays{h, total};
    });
  };
  const Arrays inputs{scalar(0.8), scalar(0.3), counting({3, 4}, 0.1)};
  const Graph got = loops(true), expected = loops(false);
  check_same(got, expected, inputs);
  const Arrays with_ct = with_cotangents(got, inputs, {0, 1});
  check_same(vjp(got, {0, 1, 2}, {0, 1}), vjp(expected, {0, 1, 2}, {0, 1}), with_ct);
  check_same_second(vjp(got, {0, 1, 2}, {0, 1}), vjp(expected, {0, 1, 2}, {0, 1}), {0, 1, 2}, with_ct);
  CHECK(count_ops(vjp(got, {0, 1, 2}, {0, 1}), "scan") == 2);   // forward and backward
}

TEST_CASE("a scan keeps what it cannot have again, and nothing else") {
  const Type h{DType::f64, {5}}, w{DType::f64, {5, 5}};
  const GraphRef layer = shared_graph({w, key, h, count, {DType::f64, {5}}}, [](Span in) {
    const Array mask = cast(less(random::uniform(random::fold_in(in[1], in[3]), {5}), 0.5), DType::f64);
    const Array scale = broadcast_to(mean(in[2]), {5});
    return Arrays{tanh(matmul(in[2], in[0])) * exp(in[4]) * mask * scale, in[3] + 1.0};
  });
  const Graph g = graph_of({w, key, h, count, f64({4, 5})}, [&](Span in) {
    return scan(layer, in.first(2), in.subspan(2, 2), in.subspan(4), 4).carries;
  });
  const Graph backward = vjp(g, {0, 2, 4}, {0});
  const std::vector<const Node*> scans = nodes_of(backward, "scan");
  REQUIRE(scans.size() == 2);
  std::vector<std::string> kept;
  for (size_t o = 2; o < scans[0]->types.size(); ++o) kept.push_back(scans[0]->types[o].to_string());
  std::ranges::sort(kept);
  // The carry h, tanh, the product before the scale; the sum under the broadcast; the count that the mask is drawn from.
  const std::vector<std::string> expected{"f64[4,5]", "f64[4,5]", "f64[4,5]", "f64[4]", "i32[4]"};
  CHECK(kept == expected);
  // w, x and the key are read again: they are inputs of both scans.
  for (const size_t input : {size_t{0}, size_t{1}, size_t{4}})
    CHECK(std::ranges::find(scans[1]->inputs, backward.inputs[input]) != scans[1]->inputs.end());
}

TEST_CASE("what only constants and xs make is computed again") {
  const GraphRef layer = shared_graph({f64({5}), key, f64({5}), f64({5})}, [](Span in) {
    const Array mask = cast(random::bernoulli(in[1], 0.5, {5}), DType::f64);
    return Arrays{in[2] * tanh(exp(in[0]) * in[3]) * mask};
  });
  const Graph g = graph_of({f64({5}), key, f64({5}), f64({4, 5})}, [&](Span in) {
    return scan(layer, in.first(2), in.subspan(2, 1), in.subspan(3), 4).carries;
  });
  // Only the carry is linear in the state, so its gradient needs the factors alone.
  const std::vector<const Node*> scans = nodes_of(vjp(g, {2}, {0}), "scan");
  REQUIRE(scans.size() == 2);
  CHECK(scans[0]->types.size() == 1);
}

TEST_CASE("an output that a round gives anyway is not kept twice") {
  const GraphRef layer = shared_graph({f64({5}), f64({5})}, [](Span in) {
    const Array y = tanh(in[0] + in[1]);
    return Arrays{y * 2.0, y};
  });
  const Graph g = graph_of({f64({5}), f64({4, 5})}, [&](Span in) {
    const ScanResult r = scan(layer, {}, in.first(1), in.subspan(1), 4);
    return Arrays{r.carries[0], r.ys[0]};
  });
  CHECK(nodes_of(vjp(g, {0}, {0, 1}), "scan").at(0)->types.size() == 2);
}

TEST_CASE("remat in the body of a scan leaves its inputs alone") {
  const GraphRef block = shared_graph({f64({5, 5}), f64({5})}, [](Span in) {
    return Arrays{tanh(matmul(sin(matmul(tanh(in[1]), in[0])), in[0]))};
  });
  const auto layers = [&](bool again) {
    const GraphRef layer = shared_graph({f64({5, 5}), f64({5})}, [&](Span in) {
      const Arrays inputs{in[1], in[0]};
      return again ? remat(shared_graph({f64({5}), f64({5, 5})}, [&](Span a) {
                             return nnx::apply(*block, Arrays{a[1], a[0]});
                           }), inputs)
                   : nnx::apply(*block, in);
    });
    return graph_of({f64({5, 5}), f64({5})}, [&](Span in) {
      return scan(layer, in.first(1), in.subspan(1), {}, 6).carries;
    });
  };
  const Graph with = layers(true), without = layers(false);
  const Arrays inputs{counting({5, 5}, 0.02), counting({5}, 0.1)};
  check_same(with, without, inputs);
  const Arrays with_ct = with_cotangents(with, inputs, {0});
  check_same(vjp(with, {0, 1}, {0}), vjp(without, {0, 1}, {0}), with_ct);
  check_same_second(vjp(with, {0, 1}, {0}), vjp(without, {0, 1}, {0}), {0, 1}, with_ct);
  CHECK(nodes_of(vjp(with, {0, 1}, {0}), "scan").at(0)->types.size() == 2);      // the carry, and h of each round
  CHECK(nodes_of(vjp(without, {0, 1}, {0}), "scan").at(0)->types.size() > 3);
}

TEST_CASE("a batch goes around what it does not reach") {
  const GraphRef layer = shared_graph({f64({}), f64({}), f64({}), f64({})}, [](Span in) {
    return Arrays{in[1] * in[0], in[2] + in[3], in[1]};
  });
  const Graph g = graph_of({f64({}), f64({}), f64({}), f64({4})}, [&](Span in) {
    const ScanResult r = scan(layer, in.first(1), in.subspan(1, 2), in.subspan(3), 4);
    return Arrays{r.carries[0], r.carries[1], r.ys[0]};
  });
  const Batched batched = batch(g, {false, false, false, true}, 2);
  CHECK(batched.outputs == std::vector<bool>{false, true, false});
  CHECK(batched.graph.output_types() == std::vector<Type>{f64({}), f64({2}), f64({4})});
  // A carry that becomes batched in a later round only: the first feeds the second, which feeds the third.
  const GraphRef chain = shared_graph({f64({}), f64({}), f64({}), f64({})}, [](Span in) {
    return Arrays{in[3], in[0], in[1]};
  });
  const Graph later = graph_of({f64({}), f64({}), f64({}), f64({4})}, [&](Span in) {
    return scan(chain, {}, in.first(3), in.subspan(3), 4).carries;
  });
  CHECK(batch(later, {false, false, false, true}, 2).outputs ==
        std::vector<bool>{true, true, true});
}

TEST_CASE("a guard in the body watches all rounds from outside") {
  const GraphRef layer = shared_graph({f64({}), f64({})}, [](Span in) {
    return Arrays{check_finite(log(in[0] + in[1]), "state"), in[0]};
  });
  REQUIRE(layer->guards.size() == 1);
  for (const int64_t unroll : {1, 2, 3}) {
    const Graph g = graph_of({f64({}), f64({3})}, [&](Span in) {
      const ScanResult r = scan(layer, {}, in.first(1), in.subspan(1), 3, false, unroll);
      return Arrays{r.carries[0], r.ys[0]};
    });
    REQUIRE(g.guards.size() == 1);
    CHECK(g.outputs.size() == 2);
    const auto run = [&](const Graph& graph, double last) {
      Arrays in{scalar(1.0), array<double>({9, 9, last}, {3})};
      if (graph.inputs.size() > 2) in.push_back(scalar(1.0));
      return message_of([&] { reference::evaluate(graph, in); });
    };
    CHECK(run(g, 9) == "");
    CHECK(run(g, -9) == "state: expected finite values, got a NaN or infinity");
    const Graph backward = vjp(g, {0, 1}, {0});
    REQUIRE(backward.guards.size() == 1);
    CHECK(run(backward, 9) == "");
    CHECK(run(backward, -9) == "state: expected finite values, got a NaN or infinity");
    CHECK(vmap(g, {true, false}, 2).guards.size() == 1);
  }
}

}  // namespace nnx::test
