#include "ops/index.h"

#include "ops/shape.h"
#include "ops/values.h"

namespace nnx::test {
namespace {

TEST_CASE_FIXTURE(WithReference, "take clamps, and counts negative indices from the end") {
  const Array x = counting({3, 2});
  check_values(take(x, i32({2, 0, -1, 7, -9}), 0), {5, 2}, {4, 5, 0, 1, 4, 5, 4, 5, 0, 1});
  check_values(take(x, i32({1, 0}, {1, 2}), 1), {3, 1, 2}, {1, 0, 3, 2, 5, 4});
  check_values(take(x, i32({1}, {}), -1), {3}, {1, 3, 5});
  check_values(take(x, array<uint32_t>({2, 4294967295u}, {2}), 0), {2, 2}, {4, 5, 4, 5});
  check_values(take(zeros({0, 2}), i32({}), 0), {0, 2}, {});
  check_values(take(array<bool>({true, false}, {2}), i32({1, 0, 0}), 0), {3}, {0, 1, 1});
}

TEST_CASE_FIXTURE(WithReference, "take_along_axis") {
  const Array x = counting({2, 3});
  check_values(take_along_axis(x, i32({2, 0, 1, -1}, {2, 2}), 1), {2, 2}, {2, 0, 4, 5});
  check_values(take_along_axis(x, i32({1, 0, 1}, {1, 3}), 0), {1, 3}, {3, 1, 5});
}

TEST_CASE_FIXTURE(WithReference, "scatter_add sums repeated places and drops what is out of range") {
  const Array x = counting({3});
  check_values(scatter_add(x, i32({0, 0, -1, 3, -4}), f64({1, 2, 4, 8, 16}), 0), {3}, {3, 1, 6});
  check_values(scatter_add(zeros({2, 2}, DType::i32), i32({1}, {}), i32({5, -6}), 1), {2, 2}, {0, 5, 0, -6});
  check_values(scatter_add(zeros({2}, DType::u32), array<uint32_t>({1, 2}, {2}), array<uint32_t>({3, 4}, {2}), 0), {2},
               {0, 3});
}

TEST_CASE_FIXTURE(WithReference, "gradients follow what was read and written") {
  const Array indices = i32({0, 2, 2, 9, -1});
  const Function read = [&](std::span<const Array> in) { return take(in[0], indices, 0); };
  // the index 9 reads the last element, so its cotangent belongs there
  check_values(gradients(read, {counting({3})}, f64({1, 2, 4, 8, 16}))[0], {3}, {1, 0, 30});
  const Function write = [&](std::span<const Array> in) { return scatter_add(in[0], indices, in[1], 0); };
  const Arrays g = gradients(write, {counting({3}), counting({5})}, f64({1, 2, 4}));
  check_values(g[0], {3}, {1, 2, 4});
  check_values(g[1], {5}, {1, 4, 4, 0, 4});
}

TEST_CASE_FIXTURE(WithReference, "batching take") {
  const Array x = counting({2, 3}), xs = counting({2, 2, 3});
  const Array indices = i32({2, 0}), rows = i32({2, 0, 1, 1}, {2, 2});
  const Function f = [](std::span<const Array> in) { return take(in[0], in[1], 1); };
  check_values(reference::evaluate(batched(f, {xs, indices}, {true, false}, 2), Arrays{xs, indices})[0], {2, 2, 2},
               {2, 0, 5, 3, 8, 6, 11, 9});
  check_values(reference::evaluate(batched(f, {x, rows}, {false, true}, 2), Arrays{x, rows})[0], {2, 2, 2},
               {2, 0, 5, 3, 1, 1, 4, 4});
  check_values(reference::evaluate(batched(f, {xs, rows}, {true, true}, 2), Arrays{xs, rows})[0], {2, 2, 2},
               {2, 0, 5, 3, 7, 7, 10, 10});
  // a table that every example reads is not copied
  const Function first = [](std::span<const Array> in) { return take(in[0], in[1], 0); };
  const Graph g = batched(first, {x, i32({1, 0})}, {false, true}, 2);
  CHECK(count_ops(g, "gather") == 1);
  CHECK(g.nodes.size() == 3);
}

TEST_CASE_FIXTURE(WithReference, "one_hot has rows of zeros for labels out of range") {
  check_values(one_hot(i32({1, -1, 2, 3}), 3), {4, 3}, {0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0});
  CHECK(one_hot(i32({1}), 2, DType::f64).dtype() == DType::f64);
  check_values(one_hot(array<uint32_t>({1}, {}), 2, DType::boolean), {2}, {0, 1});
}

TEST_CASE_FIXTURE(WithReference, "errors of index ops") {
  const Array x = zeros({2, 3});
  CHECK_THROWS_WITH_AS(take(x, zeros({2}), 0), "gather: expected i32 or u32 indices, got f32[2,3] and f32[2]", Error);
  CHECK_THROWS_WITH_AS(take(x, i32({0}), 2), "take: expected an axis in [-2, 2), got 2", Error);
  CHECK_THROWS_WITH_AS(take(zeros({0}), i32({0}), 0), "gather: expected something to read from, got f32[0] and i32[1]",
                       Error);
  CHECK_THROWS_WITH_AS(take_along_axis(x, i32({0}), 0),
                       "take_along_axis: expected indices that differ in dimension 0 only, got f32[2,3] and i32[1]",
                       Error);
  CHECK_THROWS_WITH_AS(scatter_add(x, i32({0}), zeros({3}), 0),
                       "scatter_add: expected updates of type f32[1,3], got f32[2,3], i32[1] and f32[3]", Error);
  CHECK_THROWS_WITH_AS(one_hot(x, 2), "one_hot: expected i32 or u32 indices, got f32[2,3]", Error);
}

}  // namespace
}  // namespace nnx::test
