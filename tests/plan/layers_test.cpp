// A scan over layers: the plan has as many steps for four layers as for sixty-four, and with remat inside the scan only
// the inputs of the layers stay in the arena.
#include <doctest/doctest.h>

#include "ops/ops.h"
#include "plan/plan.h"
#include "transform/vjp.h"

namespace nnx {
namespace {

struct Block {
  int64_t batch = 64, width = 64, hidden = 256;
  bool remat = false;
};

// (x, w1 [layers, ...], b1, w2) -> the mean of squares after `layers` blocks h + w2 tanh(w1 h + b1).
Graph loss_graph(int64_t layers, const Block& block) {
  const Type x{DType::f32, {block.batch, block.width}};
  const std::vector<Type> params{{DType::f32, {block.width, block.hidden}},
                                 {DType::f32, {block.hidden}},
                                 {DType::f32, {block.hidden, block.width}}};
  std::vector<Type> slices{x};
  slices.insert(slices.end(), params.begin(), params.end());
  const auto layer = [](std::span<const Array> in) {
    return Arrays{in[0] + matmul(tanh(matmul(in[0], in[1]) + in[2]), in[3])};
  };
  const auto inner = std::make_shared<const Graph>(trace(slices, layer).graph);
  const auto body = std::make_shared<const Graph>(
      trace(slices, [&](std::span<const Array> in) { return block.remat ? remat(inner, in) : layer(in); }).graph);
  std::vector<Type> inputs{x};
  for (const Type& t : params) inputs.push_back({t.dtype, t.shape.inserted(0, layers)});
  return trace(inputs, [&](std::span<const Array> in) {
           return Arrays{mean(square(scan(body, {}, in.subspan(0, 1), in.subspan(1), layers).carries[0]))};
         })
      .graph;
}

PlanReport train_plan(int64_t layers, const Block& block) {
  const Graph graph = value_and_grad(loss_graph(layers, block), {1, 2, 3});
  return Plan::compile(graph)->report();
}

}  // namespace

TEST_CASE("the steps outside a scan over layers are as many for 4 layers as for 64") {
  for (const bool remat : {false, true}) {
    const PlanReport few = train_plan(4, {.remat = remat}), many = train_plan(64, {.remat = remat});
    CHECK(few.steps.size() == many.steps.size());
    CHECK(few.fallbacks == 0);
    size_t scans = 0;
    for (const StepReport& s : many.steps) scans += s.kernel.starts_with("scan x64");
    CHECK(scans == 2);  // forward and backward
  }
}

TEST_CASE("remat inside a scan over 64 layers at least halves the arena of activations") {
  const PlanReport kept = train_plan(64, {}), again = train_plan(64, {.remat = true});
  INFO(kept.arena_bytes << " bytes, with remat " << again.arena_bytes);
  CHECK(2 * again.arena_bytes <= kept.arena_bytes);
  // What stays is the input of each layer, 16 kB, and what one layer needs.
  CHECK(again.arena_bytes < 64 * 64 * 64 * 4 + 1024 * 1024);
  CHECK(again.flops > kept.flops);
}

}  // namespace nnx
