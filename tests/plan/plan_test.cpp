#include "plan/plan.h"

#include <doctest/doctest.h>

#include "graph/trace.h"
#include "ops/ops.h"
#include "reference/reference.h"

namespace nnx {
namespace {

TEST_CASE("a plan computes what the graph says") {
  const Traced t =
      trace({{DType::f32, {2, 3}}, {DType::f32, {3, 4}}, {DType::f32, {4}}}, [](std::span<const Array> in) {
        return Arrays{relu(matmul(in[0], in[1]) + in[2]), sum(in[0], {0})};
      });
  const Array x = array<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Array w = array<float>({1, 0, 0, -1, 0, 1, 0, -1, 0, 0, 1, -1}, {3, 4});
  const Array b = array<float>({0.5f, 0, 0, 0}, {4});
  auto plan = Plan::compile(t.graph);
  INFO(plan->to_string());
  BufferRef hx = x.buffer(), hw = w.buffer(), hb = b.buffer();
  std::vector<BufferRef> out(2);
  plan->run(std::vector<BufferRef*>{&hx, &hw, &hb}, out);
  CHECK(Array({DType::f32, {2, 4}}, out[0]).to_vector<float>() == std::vector<float>{1.5f, 2, 3, 0, 4.5f, 5, 6, 0});
  CHECK(Array({DType::f32, {3}}, out[1]).to_vector<float>() == std::vector<float>{5, 7, 9});
}

TEST_CASE("a timed plan notes every step of every run, and computes the same") {
  const Traced t = trace({{DType::f32, {8, 8}}}, [](std::span<const Array> in) {
    return Arrays{sum(matmul(in[0], in[0]), {0})};
  });
  auto plan = Plan::compile(t.graph);
  BufferRef x = ones({8, 8}).buffer();
  std::vector<BufferRef> out(1);
  const auto run = [&] { plan->run(std::vector<BufferRef*>{&x}, out); };
  run();
  plan->start_timing();
  run();
  run();
  const std::vector<std::vector<StepTime>> times = plan->stop_timing();
  CHECK(Array({DType::f32, {8}}, out[0]).to_vector<float>() == std::vector<float>(8, 64.0f));
  REQUIRE(times.size() == 2);
  for (const std::vector<StepTime>& steps : times) {
    REQUIRE(steps.size() == plan->report().steps.size());
    double before = 0;
    for (const StepTime& step : steps) {
      CHECK(before <= step.begin);
      CHECK(step.begin <= step.end);
      before = step.end;
    }
  }
  run();
  CHECK(plan->stop_timing().empty());
}

}  // namespace
}  // namespace nnx
