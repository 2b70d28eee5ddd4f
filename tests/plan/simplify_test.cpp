// What simplify removes, and what it must leave because the bits would change.
#include <doctest/doctest.h>

#include <algorithm>

#include "ops/all.h"
#include "ops/attrs.h"
#include "ops/ops.h"
#include "plan/passes.h"

namespace nnx {
namespace {

const Type vec{DType::f32, {4}};

Graph simplified(const std::function<Array(const Array&)>& body) {
  return plan::simplify(trace({vec}, [&](std::span<const Array> in) { return Arrays{body(in[0])}; }).graph);
}

int64_t computing(const Graph& graph) {
  return std::ranges::count_if(graph.nodes,
                               [](const Node& n) { return n.kind == NodeKind::op && n.op->name != "fill"; });
}

bool has_op(const Graph& graph, std::string_view name) {
  return std::ranges::any_of(graph.nodes, [&](const Node& n) { return n.op && n.op->name == name; });
}

TEST_CASE("identities go") {
  CHECK(computing(simplified([](const Array& x) { return x * 1.0; })) == 0);
  CHECK(computing(simplified([](const Array& x) { return x - 0.0; })) == 0);
  CHECK(computing(simplified([](const Array& x) { return stop_gradient(x); })) == 0);
  CHECK(computing(simplified([](const Array& x) { return emit1(*find_op("cast"), CastAttrs{DType::f32}, {x}); })) == 0);
  CHECK(computing(simplified([](const Array& x) { return select(full({4}, 1, DType::boolean), x, -x); })) == 0);
}

TEST_CASE("x + 0 stays: it turns -0 into 0") {
  CHECK(has_op(simplified([](const Array& x) { return x + 0.0; }), "add"));
}

TEST_CASE("constants are folded, to the bits that a kernel would give") {
  const Graph g = simplified([](const Array& x) { return x * (full({4}, 0.1) + 0.2); });
  CHECK(computing(g) == 1);
  const Node& fill = *std::ranges::find_if(g.nodes, [](const Node& n) { return n.op && n.op->name == "fill"; });
  CHECK(fill.attrs.as<FillAttrs>().value == static_cast<double>(0.1f + 0.2f));
}

TEST_CASE("a division by a power of two is a multiplication; by anything else it stays") {
  CHECK_FALSE(has_op(simplified([](const Array& x) { return x / 8.0; }), "div"));
  CHECK(has_op(simplified([](const Array& x) { return x / 3.0; }), "div"));
  CHECK(has_op(simplified([](const Array& x) { return x / 0.0; }), "div"));
}

TEST_CASE("a transposed product is written transposed, unless somebody reads it the other way") {
  const auto body = [](bool both) {
    return [both](std::span<const Array> in) {
      const Array y = matmul(in[0], in[1]);
      return both ? Arrays{transpose(y), y} : Arrays{transpose(y)};
    };
  };
  const std::vector<Type> types{{DType::f32, {2, 3}}, {DType::f32, {3, 5}}};
  CHECK_FALSE(has_op(plan::simplify(trace(types, body(false)).graph), "transpose"));
  CHECK(has_op(plan::simplify(trace(types, body(true)).graph), "transpose"));
}

TEST_CASE("a reshape of a view needs a copy only when no strides express it") {
  using plan::reshaped_strides;
  const std::vector<int64_t> contiguous{12, 4, 1}, transposed{1, 6};
  CHECK(*reshaped_strides({2, 3, 4}, contiguous, {6, 4}) == std::vector<int64_t>{4, 1});
  CHECK(*reshaped_strides({2, 3, 4}, contiguous, {3, 8}) == std::vector<int64_t>{8, 1});
  CHECK(*reshaped_strides({6, 4}, transposed, {2, 3, 4}) == std::vector<int64_t>{3, 1, 6});
  CHECK_FALSE(reshaped_strides({6, 4}, transposed, {24}));
  CHECK(*reshaped_strides({5, 4}, {0, 1}, {5, 1, 2, 2}) == std::vector<int64_t>{0, 0, 2, 1});
  CHECK_FALSE(reshaped_strides({5, 4}, {0, 1}, {20}));
}

TEST_CASE("a thread for what is small") {
  CHECK(plan::loop_threads(1000, 8) == 1);
  CHECK(plan::loop_threads(1 << 20, 8) == 8);
  CHECK(plan::matmul_threads(1e5, 8) == 1);
  CHECK(plan::matmul_threads(1e8, 8) == 8);
}

}  // namespace
}  // namespace nnx
