// Steps with a body: the same values as the reference kernels, and bit for bit the same whether carries are updated in
// place or not; bodies compiled once; their memory and their cost in the report of the plan around them.
#include <doctest/doctest.h>

#include <cstring>

#include "ops/cases.h"
#include "ops/ops.h"
#include "plan/plan.h"
#include "random_graphs.h"
#include "reference/reference.h"
#include "support/allocations.h"

namespace nnx::test {
namespace {

GraphRef graph_ref(const std::vector<Type>& types, const std::function<Arrays(std::span<const Array>)>& body) {
  return std::make_shared<const Graph>(trace(types, body).graph);
}

Arrays inputs_of(const Graph& graph, uint64_t seed) {
  Dice dice(seed);
  Arrays inputs;
  for (const Type& t : graph.input_types())
    inputs.push_back(t.dtype == DType::i32 ? scalar<int32_t>(3) : random_array(dice, t.shape));
  return inputs;
}

struct Session {
  std::shared_ptr<Plan> plan;
  std::vector<BufferRef> held, outputs;
  Session(const Graph& graph, const Arrays& inputs, const PlanOptions& options)
      : plan(Plan::compile(graph, {}, options)), outputs(graph.outputs.size()) {
    for (const Array& a : inputs) held.push_back(a.buffer());
    for (BufferRef& buffer : held) holders.push_back(&buffer);
  }
  const std::vector<BufferRef>& run() {
    plan->run(holders, outputs);
    return outputs;
  }
  std::vector<BufferRef*> holders;
};

// Runs the graph fused and not, in place and not, twice each: a second run finds every buffer used.
void check_plan(const Graph& graph, uint64_t seed = 1) {
  const Arrays inputs = inputs_of(graph, seed);
  const Arrays expected = reference::evaluate(graph, inputs);
  for (const bool fuse : {true, false}) {
    std::vector<BufferRef> in_place;
    for (const bool alias : {true, false}) {
      Session s(graph, inputs, {.fuse = fuse, .alias = alias});
      CHECK(s.plan->report().fallbacks == 0);
      for (int round = 0; round < 2; ++round) {
        s.run();
        for (size_t o = 0; o < expected.size(); ++o) {
          INFO("fuse " << fuse << ", alias " << alias << ", output " << o << "\n" << s.plan->to_string());
          CHECK(difference(Array(expected[o].type(), s.outputs[o]), expected[o], 1e-5) == "");
        }
      }
      if (alias) in_place = s.outputs;
      for (size_t o = 0; o < expected.size(); ++o)
        CHECK(std::memcmp(s.outputs[o]->data(), in_place[o]->data(), expected[o].type().bytes()) == 0);
    }
  }
}

const Type row{DType::f32, {3, 5}};
const Type square_matrix{DType::f32, {5, 5}};

// Carries: one that a product moves, one updated in place, two that are swapped, one that stays, a counter. Slices are
// read transposed; ys are a carry, the slice itself, a constant and something computed.
Arrays busy_body(std::span<const Array> in) {
  const Array &w = in[0], &h = in[1], &sum_of = in[2], &a = in[3], &b = in[4], &kept = in[5], &count = in[6], &x = in[7];
  const Array next = tanh(matmul(h, w) + transpose(x));
  return {next, sum_of + next * kept, b, a, kept, count + 1, next, x, full({2}, 4.0), h * 2.0, count};
}

Graph busy_scan(int64_t length, bool reverse) {
  const Type x{DType::f32, {5, 3}}, count{DType::i32, {}};
  const GraphRef body = graph_ref({square_matrix, row, row, row, row, row, count, x}, busy_body);
  return trace({square_matrix, row, row, row, row, row, count, {DType::f32, {length, 5, 3}}},
               [&](std::span<const Array> in) {
                 const ScanResult r = scan(body, in.subspan(0, 1), in.subspan(1, 6), in.subspan(7), length, reverse);
                 Arrays out = r.carries;
                 out.insert(out.end(), r.ys.begin(), r.ys.end());
                 out.push_back(out[0] + 1.0);
                 return out;
               })
      .graph;
}

}  // namespace

TEST_CASE("a scan computes what the reference does: any length, both directions, every kind of carry") {
  for (const int64_t length : {0, 1, 2, 3, 7, 8})
    for (const bool reverse : {false, true}) {
      INFO("length " << length << ", reverse " << reverse);
      check_plan(busy_scan(length, reverse));
    }
}

TEST_CASE("a scan of scans computes what the reference does") {
  const Type x{DType::f32, {3}};
  const GraphRef inner = graph_ref({x, x, {}}, [](std::span<const Array> in) {
    return Arrays{in[1] * 0.5 + in[0] * in[2], in[1] + in[2]};
  });
  const GraphRef outer = graph_ref({x, x, {DType::f32, {4}}}, [&](std::span<const Array> in) {
    const ScanResult r = scan(inner, in.subspan(0, 1), in.subspan(1, 1), in.subspan(2, 1), 4);
    return Arrays{r.carries[0], r.ys[0]};
  });
  const Traced t = trace({x, x, {DType::f32, {5, 4}}}, [&](std::span<const Array> in) {
    const ScanResult r = scan(outer, in.subspan(0, 1), in.subspan(1, 1), in.subspan(2, 1), 5, true);
    return Arrays{r.carries[0], r.ys[0]};
  });
  check_plan(t.graph);
}

TEST_CASE("a while loop computes what the reference does: no iteration, an even and an odd number") {
  const Type count{DType::i32, {}};
  const GraphRef condition = graph_ref({count, count, row, row}, [](std::span<const Array> in) {
    return Arrays{less(in[1], in[0])};
  });
  const GraphRef body = graph_ref({square_matrix, count, row, row}, [](std::span<const Array> in) {
    return Arrays{in[1] + 1, tanh(matmul(in[2], in[0])), in[3] + in[2]};
  });
  for (const int first : {3, 2, 1, 0}) {
    const Traced t = trace({count, square_matrix, row, row}, [&](std::span<const Array> in) {
      const Array start = full({}, first, DType::i32);
      return while_loop(condition, in.subspan(0, 1), body, in.subspan(1, 1), Arrays{start, in[2], in[3]});
    });
    INFO("starts at " << first);
    check_plan(t.graph);
  }
}

TEST_CASE("a switch runs the branch of its index, brought into range") {
  const GraphRef product = graph_ref({row, square_matrix}, [](std::span<const Array> in) {
    return Arrays{matmul(in[0], in[1]), in[1]};
  });
  const GraphRef constant = graph_ref({row, square_matrix}, [](std::span<const Array> in) {
    return Arrays{full({3, 5}, 2.0), in[1] * 2.0};
  });
  for (const int index : {-7, 0, 1, 9}) {
    const Traced t = trace({row, square_matrix}, [&](std::span<const Array> in) {
      return switch_case(full({}, index, DType::i32), {product, constant}, in);
    });
    INFO("branch " << index);
    check_plan(t.graph);
  }
}

namespace {

GraphRef remat_body(double factor) {
  return graph_ref({row, square_matrix}, [&](std::span<const Array> in) {
    return Arrays{tanh(matmul(in[0], in[1]) * factor)};
  });
}

}  // namespace

TEST_CASE("remat computes its body; equal bodies are compiled once") {
  const Traced t = trace({row, square_matrix}, [](std::span<const Array> in) {
    Array x = in[0];
    for (int i = 0; i < 5; ++i) x = remat(remat_body(0.5), Arrays{x, in[1]})[0];
    return Arrays{remat(remat_body(0.25), Arrays{x, in[1]})[0]};
  });
  check_plan(t.graph);
  const auto plan = Plan::compile(t.graph);
  const auto& steps = plan->report().steps;
  REQUIRE(steps.size() == 6);
  for (size_t i = 1; i < 5; ++i) CHECK(steps[i].bodies[0].plan == steps[0].bodies[0].plan);
  CHECK(steps[5].bodies[0].plan != steps[0].bodies[0].plan);
}

TEST_CASE("a carry may be updated in the Buffer of a state: any length, updated in place or moving") {
  // Training steps in a loop: the weights move (a product of themselves), the sum is updated in place.
  const GraphRef body = graph_ref({square_matrix, square_matrix}, [](std::span<const Array> in) {
    return Arrays{tanh(matmul(in[0], in[0]) * 0.5), in[1] + in[0]};
  });
  for (const int64_t length : {0, 1, 2, 5}) {
    const Traced t = trace({square_matrix, square_matrix},
                           [&](std::span<const Array> in) { return scan(body, {}, in, {}, length).carries; });
    const Arrays inputs = inputs_of(t.graph, 1), expected = reference::evaluate(t.graph, inputs);
    const auto plan = Plan::compile(t.graph, {{.output = 0, .input = 0}, {.output = 1, .input = 1}});
    CHECK(plan->report().copied_aliases.empty());
    std::vector<BufferRef> state, outputs(2);
    for (const Array& a : inputs) {
      state.push_back(Buffer::allocate(a.type().bytes()));
      std::memcpy(state.back()->data(), a.buffer()->data(), a.type().bytes());
    }
    plan->run(std::vector<BufferRef*>{&state[0], &state[1]}, outputs);
    for (size_t o = 0; o < 2; ++o) CHECK(difference(Array(square_matrix, state[o]), expected[o], 1e-5) == "");
  }
}

TEST_CASE("a steady run of steps with bodies allocates nothing") {
  Session s(busy_scan(7, false), inputs_of(busy_scan(7, false), 1), {});
  for (int i = 0; i < 3; ++i) s.run();
  const int64_t before = allocations(), buffers = Buffer::allocations();
  for (int i = 0; i < 20; ++i) s.run();
  CHECK(allocations() == before);
  CHECK(Buffer::allocations() == buffers);
}

TEST_CASE("a carry that can be updated in place needs no spare, and an arena holds what the bodies need") {
  const Type large{DType::f32, {100, 100}};
  const auto arena_of = [&](const std::function<Array(const Array&)>& step) {
    const GraphRef body = graph_ref({large}, [&](std::span<const Array> in) { return Arrays{step(in[0])}; });
    const Traced t = trace({large}, [&](std::span<const Array> in) { return scan(body, {}, in, {}, 6).carries; });
    check_plan(t.graph);
    return Plan::compile(t.graph)->report().arena_bytes;
  };
  CHECK(arena_of([](const Array& x) { return x * 0.5; }) < 10000);
  // The product cannot be written over its operand: one spare. With a square root of it there is a temporary too.
  const size_t moving = arena_of([](const Array& x) { return matmul(x, x) * 0.01; });
  CHECK(moving >= 40000);
  CHECK(moving < 100000);
}

TEST_CASE("carries and residuals of several steps with bodies never share memory that is alive") {
  // Two scans of one body, whose scratch is in turn beside values that live on.
  const GraphRef body = graph_ref({square_matrix, row, row}, [](std::span<const Array> in) {
    const Array h = tanh(matmul(in[1] + in[2], in[0]));
    return Arrays{h, sin(h) * in[2]};
  });
  const Traced t = trace({square_matrix, row, {DType::f32, {9, 3, 5}}}, [&](std::span<const Array> in) {
    const ScanResult a = scan(body, in.subspan(0, 1), in.subspan(1, 1), in.subspan(2, 1), 9);
    const ScanResult b = scan(body, in.subspan(0, 1), a.carries, a.ys, 9, true);
    const ScanResult c = scan(body, in.subspan(0, 1), in.subspan(1, 1), b.ys, 9);
    return Arrays{sum(a.ys[0] * c.ys[0]) + sum(b.carries[0]), c.carries[0] + a.carries[0]};
  });
  check_plan(t.graph);
}

TEST_CASE("the report of a plan shows the steps of bodies, and counts every iteration") {
  const GraphRef body = graph_ref({square_matrix, row, row}, [](std::span<const Array> in) {
    return Arrays{matmul(in[1] + in[2], in[0])};
  });
  const Traced t = trace({square_matrix, row, {DType::f32, {9, 3, 5}}}, [&](std::span<const Array> in) {
    return scan(body, in.subspan(0, 1), in.subspan(1, 1), in.subspan(2, 1), 9).carries;
  });
  const auto plan = Plan::compile(t.graph);
  const PlanReport& report = plan->report();
  REQUIRE(report.steps.size() == 1);
  REQUIRE(report.steps[0].bodies.size() == 1);
  const BodyReport& inner = report.steps[0].bodies[0];
  CHECK(inner.iterations == 9);
  CHECK(inner.plan->steps.size() == 2);
  CHECK(report.flops == 9 * inner.plan->flops);
  CHECK(report.flops >= 9 * 2.0 * 3 * 5 * 5);
  const std::string text = plan->to_string();
  CHECK(text.find("scan x9") != std::string::npos);
  CHECK(text.find("body: 2 steps, run 9 times") != std::string::npos);
  CHECK(text.find("             0  fused") != std::string::npos);
}

}  // namespace nnx::test
