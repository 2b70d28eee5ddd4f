// What runs as one step, and that the order of recording does not matter.
#include <doctest/doctest.h>

#include <algorithm>

#include "ops/ops.h"
#include "plan/passes.h"
#include "plan/plan.h"
#include "random_graphs.h"
#include "reference/reference.h"
#include "transform/vjp.h"

namespace nnx {
namespace {

bool has_op(const StepReport& step, std::string_view op) { return std::ranges::find(step.ops, op) != step.ops.end(); }

Type f32(Shape shape) { return {DType::f32, shape}; }

Arrays adam(const Array& p, const Array& g, const Array& m, const Array& v, const Array& rate, const Array& c1,
            const Array& c2) {
  const Array m1 = m * 0.9 + g * 0.1;
  const Array v1 = v * 0.999 + square(g) * 0.001;
  return {p - rate * (m1 / c1) / (sqrt(v1 / c2) + 1e-8), m1, v1};
}

TEST_CASE("a product takes bias and activation with it") {
  const Traced t = trace({f32({8, 16}), f32({16, 4}), f32({4})},
                         [](std::span<const Array> in) { return Arrays{relu(matmul(in[0], in[1]) + in[2])}; });
  CHECK(Plan::compile(t.graph)->report().steps.size() == 1);
  CHECK(Plan::compile(t.graph, {}, {.fuse = false})->report().steps.size() == 3);
}

TEST_CASE("transposes of operands and of results cost no step") {
  const Traced t = trace({f32({8, 16}), f32({8, 4})}, [](std::span<const Array> in) {
    return Arrays{matmul(transpose(in[0]), in[1]), transpose(matmul(transpose(in[1]), in[0]))};
  });
  CHECK(Plan::compile(t.graph)->report().steps.size() <= 2);
}

TEST_CASE("an Adam update is one step a parameter, in place") {
  const Type p = f32({32, 8});
  const Traced t = trace({p, p, p, p, f32({}), f32({}), f32({})}, [](std::span<const Array> in) {
    return adam(in[0], in[1], in[2], in[3], in[4], in[5], in[6]);
  });
  auto plan = Plan::compile(t.graph, {{0, 0}, {1, 2}, {2, 3}});
  INFO(plan->to_string());
  CHECK(plan->report().steps.size() == 1);
  CHECK(plan->report().copied_aliases.empty());
}

TEST_CASE("a training step of an MLP: relu backward and bias gradient in one pass, nothing falls back") {
  const auto forward =
      trace({f32({784, 64}), f32({64}), f32({64, 10}), f32({10}), f32({128, 784}), {DType::i32, {128}}},
            [](std::span<const Array> in) {
              const Array h = relu(matmul(in[4], in[0]) + in[1]);
              const Array logits = matmul(h, in[2]) + in[3];
              return Arrays{mean(softmax_cross_entropy(logits, in[5]))};
            });
  const Graph graph = value_and_grad(forward.graph, {0, 1, 2, 3});
  auto plan = Plan::compile(graph);
  INFO(plan->to_string());
  const auto& steps = plan->report().steps;
  const auto backward = std::ranges::find_if(steps, [](const StepReport& s) {
    return has_op(s, "reduce_sum") && s.result.find("f32[128,64]") != std::string::npos;
  });
  CHECK(backward != steps.end());
  for (const StepReport& s : steps) CHECK_FALSE(s.fallback);
  CHECK(steps.size() <= 12);
}

TEST_CASE("a dropout mask is drawn once and kept as a byte an element") {
  const auto forward = trace({f32({64, 64}), {DType::u32, {2}}, f32({64, 64})}, [](std::span<const Array> in) {
    const Array kept = select(random::bernoulli(in[1], 0.9, {64, 64}), in[0] / 0.9, zeros({64, 64}));
    return Arrays{sum(square(matmul(kept, in[2])))};
  });
  auto plan = Plan::compile(value_and_grad(forward.graph, {0, 2}));
  INFO(plan->to_string());
  int draws = 0, masks = 0;
  for (const StepReport& s : plan->report().steps) {
    draws += has_op(s, "random_bits");
    masks += s.result.find("bool[64,64]") != std::string::npos;
    CHECK(s.result.find("u32") == std::string::npos);
  }
  CHECK(draws == 1);
  CHECK(masks == 1);
}

TEST_CASE("a product adds another array as it writes, and of two products the first takes the second") {
  const auto check = [](const std::vector<Type>& inputs, const std::function<Arrays(std::span<const Array>)>& body) {
    const Traced t = trace(inputs, body);
    auto plan = Plan::compile(t.graph);
    INFO(plan->to_string());
    const auto& steps = plan->report().steps;
    CHECK(std::ranges::none_of(steps, [](const StepReport& s) { return s.kernel.starts_with("fused"); }));
    CHECK(std::ranges::count_if(steps, [](const StepReport& s) { return has_op(s, "add"); }) == 1);
    Arrays values;
    for (const Type& type : inputs) values.push_back(random::normal(random::key(values.size()), type.shape));
    const Arrays expected = reference::evaluate(t.graph, values), got = nnx::apply(t.graph, values);
    CHECK(test::close(got[0], expected[0], 1e-5));
  };
  const Type x = f32({48, 64}), w = f32({64, 96}), y = f32({48, 96});
  check({x, w, y}, [](std::span<const Array> in) { return Arrays{in[2] + matmul(in[0], in[1])}; });
  check({x, w, f32({96}), y}, [](std::span<const Array> in) { return Arrays{relu(matmul(in[0], in[1]) + in[2]) + in[3]}; });
  check({x, w, f32({96}), f32({64, 4}), f32({4, 96})}, [](std::span<const Array> in) {
    return Arrays{matmul(in[0], in[1]) + in[2] + matmul(matmul(in[0], in[3]), in[4])};
  });
}

TEST_CASE("a value that a row makes of a stored array is computed again") {
  const Traced t = trace({f32({64, 128}), f32({128, 32})}, [](std::span<const Array> in) {
    const Array x = exp(in[0]);
    const Array centred = x - mean(x, {0});
    return Arrays{matmul(tanh(centred), in[1]), sum(square(centred), {0}), x};
  });
  auto plan = Plan::compile(t.graph);
  INFO(plan->to_string());
  int subtractions = 0;
  for (const StepReport& s : plan->report().steps) subtractions += has_op(s, "sub");
  CHECK(subtractions == 2);  // for the product, and for the sum of squares
}

TEST_CASE("both moments come from one pass") {
  const Traced t = trace({f32({64, 32})}, [](std::span<const Array> in) { return moments(in[0]); });
  auto plan = Plan::compile(t.graph);
  INFO(plan->to_string());
  CHECK(plan->report().steps.size() == 2);  // the sums; the small vectors after them
}

TEST_CASE("the plan does not depend on the order of recording") {
  const auto body = [](bool swapped) {
    return trace({f32({16, 8}), f32({8, 8}), f32({8})}, [&](std::span<const Array> in) {
      Array a, b;
      if (swapped) {
        b = exp(in[0]) * 0.5;
        a = matmul(in[0], in[1]) + in[2];
      } else {
        a = matmul(in[0], in[1]) + in[2];
        b = exp(in[0]) * 0.5;
      }
      return Arrays{a + b, sum(b, {0}), tanh(a)};
    });
  };
  const Graph first = body(false).graph, second = body(true).graph;
  REQUIRE(to_string(first) != to_string(second));
  CHECK(to_string(plan::linearize(first)) == to_string(plan::linearize(second)));
  CHECK(Plan::compile(first)->to_string() == Plan::compile(second)->to_string());
}

}  // namespace
}  // namespace nnx
