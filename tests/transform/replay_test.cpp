#include "transform/replay.h"

#include <doctest/doctest.h>

#include "ops/ops.h"

namespace nnx::test {

TEST_CASE("renumbering forgets the order of recording and drops dead nodes") {
  const std::vector<Type> types{{DType::f32, {2}}, {DType::f32, {2}}};
  const Graph left_first = trace(types, [](std::span<const Array> in) {
                             const Array a = exp(in[0]), b = tanh(in[1]);
                             return Arrays{a * b, b};
                           }).graph;
  const Graph right_first = trace(types, [](std::span<const Array> in) {
                              const Array b = tanh(in[1]), a = exp(in[0]);
                              check_finite(a, "a");
                              return Arrays{a * b, b};
                            }).graph;
  Graph unguarded = right_first;
  unguarded.guards.clear();
  CHECK(to_string(left_first) != to_string(unguarded));
  CHECK(to_string(renumbered(left_first)) == to_string(renumbered(unguarded)));
  CHECK(same_graph(renumbered(right_first), right_first));
  verify(renumbered(right_first));

  Graph longer = left_first;
  longer.nodes.push_back(longer.nodes.back());
  CHECK(renumbered(longer).nodes.size() == left_first.nodes.size());
}

TEST_CASE("renumbering does not recurse") {
  const Graph deep = trace({{DType::f32, {}}}, [](std::span<const Array> in) {
                       Array x = in[0];
                       for (int i = 0; i < 100000; ++i) x = negative(x);
                       return Arrays{x};
                     }).graph;
  CHECK(renumbered(deep).nodes.size() == 100001);
}

}  // namespace nnx::test
