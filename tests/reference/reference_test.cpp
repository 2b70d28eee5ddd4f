#include "reference/reference.h"

#include <doctest/doctest.h>

#include <string>

#include "base/error.h"
#include "ops/all.h"
#include "ops/ops.h"

namespace nnx::test {
namespace {

std::vector<Type> infer_same(std::span<const Type> in, const Attrs&) { return {in[0]}; }

const OpDef bare_op{.name = "toy_bare", .family = Family::elementwise, .infer = infer_same};
const OpDef cube_op{.name = "toy_cube",
                    .family = Family::elementwise,
                    .infer = infer_same,
                    .expand = [](std::span<const Array> in, const Attrs&) { return Arrays{in[0] * in[0] * in[0]}; }};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) { return error.what(); }
  return "";
}

}  // namespace

TEST_CASE("one op on raw pointers, by its kernel or by its expansion") {
  const Type type{DType::f32, {3}};
  const float x[] = {1, 2, -3}, y[] = {10, 20, 30};
  float out[3] = {};
  const std::vector<Type> two{type, type}, one{type};
  const void* pair[] = {x, y};
  void* result[] = {out};
  REQUIRE(reference::has_kernel(*find_op("add")));
  reference::run(*find_op("add"), {}, two, pair, one, result);
  CHECK(std::vector<float>(out, out + 3) == std::vector<float>{11, 22, 27});

  CHECK(!reference::has_kernel(cube_op));
  reference::run(cube_op, {}, one, std::span(pair, 1), one, result);
  CHECK(std::vector<float>(out, out + 3) == std::vector<float>{1, 8, -27});
  CHECK(message_of([&] { reference::run(bare_op, {}, one, std::span(pair, 1), one, result); }) ==
        "toy_bare: has neither a reference kernel nor an expansion");
}

TEST_CASE("a graph, node by node, with constants, expansions and guards") {
  const Type type{DType::f32, {2}};
  const Graph g = trace({type}, [](std::span<const Array> in) {
                    const Array y = emit1(cube_op, {}, {in[0]}) + array<float>({1, 2}, {2});
                    return Arrays{check_finite(1.0 / y, "inverse"), in[0]};
                  }).graph;
  const Array x = array<float>({1, 2}, {2});
  const Arrays results = reference::evaluate(g, Arrays{x});
  CHECK(results[0].to_vector<float>() == std::vector<float>{0.5f, 0.1f});
  CHECK(results[1].buffer() == x.buffer());
  CHECK(message_of([&] {
          reference::evaluate(g, Arrays{array<float>({-1, 2}, {2})});
        }) == "inverse: expected finite values, got a NaN or infinity");
  CHECK(message_of([&] { reference::evaluate(g, Arrays{array<float>({1}, {1})}); }) ==
        "input 0 of a graph: expected f32[2], got f32[1]");
  CHECK_THROWS_AS(reference::evaluate(g, {}), Error);
}

TEST_CASE("installed, it runs concrete ops and whole graphs") {
  reference::install_evaluator();
  const Array x = array<float>({3, 4}, {2});
  CHECK(sum(square(x)).item<float>() == 25);
  CHECK(emit1(cube_op, {}, {x}).to_vector<float>() == std::vector<float>{27, 64});
  const Graph g = trace({x.type()}, [](std::span<const Array> in) { return Arrays{sum(in[0])}; }).graph;
  CHECK(nnx::apply(g, Arrays{x})[0].item<float>() == 7);
}

}  // namespace nnx::test
