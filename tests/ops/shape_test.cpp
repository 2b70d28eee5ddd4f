#include "ops/shape.h"

#include "ops/values.h"

namespace nnx::test {
namespace {

TEST_CASE_FIXTURE(WithReference, "making arrays") {
  check_values(full({2}, -3, DType::i32), {2}, {-3, -3});
  check_values(full({2}, 4294967295, DType::u32), {2}, {4294967295, 4294967295});
  check_values(full({}, 2, DType::boolean), {}, {1});
  check_values(zeros({2, 0}), {2, 0}, {});
  check_values(ones_like(counting({2})), {2}, {1, 1});
  CHECK(zeros_like(i32({1, 2})).dtype() == DType::i32);
  check_values(iota({2, 3}, 0), {2, 3}, {0, 0, 0, 1, 1, 1});
  check_values(iota({2, 3}, -1, DType::f64), {2, 3}, {0, 1, 2, 0, 1, 2});
  check_values(arange(3, DType::u32), {3}, {0, 1, 2});
}

TEST_CASE_FIXTURE(WithReference, "what changes nothing returns its input") {
  const Array x = counting({2, 3});
  const BufferRef& same = x.buffer();
  CHECK(reshape(x, {2, 3}).buffer() == same);
  CHECK(transpose(x, {0, 1}).buffer() == same);
  CHECK(broadcast_to(x, {2, 3}).buffer() == same);
  CHECK(slice(x, {0, 0}, {2, 3}).buffer() == same);
  CHECK(pad(x, zeros({}, DType::f64), {0, 0}, {0, 0}).buffer() == same);
  CHECK(concatenate({x}, 1).buffer() == same);
  CHECK(reverse(x, {}).buffer() == same);
  CHECK(moveaxis(x, 1, 1).buffer() == same);
  CHECK(flatten(x, 1).buffer() == same);
}

TEST_CASE_FIXTURE(WithReference, "broadcasting") {
  check_values(broadcast_to(f64({1, 2}), {2, 2}), {2, 2}, {1, 2, 1, 2});
  check_values(broadcast_to(f64({1, 2}, {2, 1}), {2, 3}), {2, 3}, {1, 1, 1, 2, 2, 2});
  check_values(broadcast_to(f64({7}, {}), {2}), {2}, {7, 7});
  check_values(broadcast_in_dim(f64({1, 2}), {2, 3}, {0}), {2, 3}, {1, 1, 1, 2, 2, 2});
  check_values(broadcast_in_dim(counting({2, 1}), {2, 2, 2}, {0, 2}), {2, 2, 2}, {0, 0, 0, 0, 1, 1, 1, 1});
  // the transpose of broadcasting is a sum
  const Function f = [](std::span<const Array> in) { return broadcast_in_dim(in[0], {2, 2, 2}, {0, 2}); };
  check_values(gradients(f, {counting({2, 1})}, counting({2, 2, 2}))[0], {2, 1}, {6, 22});
}

TEST_CASE_FIXTURE(WithReference, "reshaping and transposing") {
  const Array x = counting({2, 3});
  check_values(reshape_to(x, {3, -1}), {3, 2}, {0, 1, 2, 3, 4, 5});
  check_values(flatten(counting({2, 1, 2}), 1), {2, 2}, {0, 1, 2, 3});
  check_values(flatten(counting({})), {1}, {0});
  check_values(expand_dims(x, -1), {2, 3, 1}, {0, 1, 2, 3, 4, 5});
  check_values(squeeze(counting({2, 1}), 1), {2}, {0, 1});
  check_values(transpose(x), {3, 2}, {0, 3, 1, 4, 2, 5});
  check_values(transpose(counting({2, 1, 3}), {-1, 0, 1}), {3, 2, 1}, {0, 3, 1, 4, 2, 5});
  check_values(swapaxes(x, 0, -1), {3, 2}, {0, 3, 1, 4, 2, 5});
  const Array y = moveaxis(counting({2, 3, 4}), 0, 2);
  CHECK(y.shape() == Shape{3, 4, 2});
  check_values(slice(y, {0, 0, 0}, {1, 2, 2}), {1, 2, 2}, {0, 12, 1, 13});
}

TEST_CASE_FIXTURE(WithReference, "slicing") {
  const Array x = counting({3, 4});
  check_values(slice(x, {1, 0}, {3, 4}, {1, 3}), {2, 2}, {4, 7, 8, 11});
  check_values(slice(x, {1, 2}, {1, 4}), {0, 2}, {});
  check_values(slice_axis(x, -1, 1, 4, 2), {3, 2}, {1, 3, 5, 7, 9, 11});
  check_values(index_axis(x, 0, -1), {4}, {8, 9, 10, 11});
  const Arrays halves = split(x, 2, 1);
  REQUIRE(halves.size() == 2);
  check_values(halves[1], {3, 2}, {2, 3, 6, 7, 10, 11});
  const Function strided = [](std::span<const Array> in) { return slice_axis(in[0], 0, 1, 6, 2); };
  check_values(gradients(strided, {counting({7})}, f64({5, 6, 7}))[0], {7}, {0, 5, 0, 6, 0, 7, 0});
  const Function empty = [](std::span<const Array> in) { return slice_axis(in[0], 0, 2, 2); };
  check_values(gradients(empty, {counting({3})}, f64({}))[0], {3}, {0, 0, 0});
}

TEST_CASE_FIXTURE(WithReference, "padding") {
  const Array x = f64({1, 2, 3});
  const Array nine = f64({9}, {});
  check_values(pad(x, nine, {1}, {2}), {6}, {9, 1, 2, 3, 9, 9});
  check_values(pad(x, nine, {0}, {0}, {2}), {7}, {1, 9, 9, 2, 9, 9, 3});
  check_values(pad(x, nine, {-1}, {1}), {3}, {2, 3, 9});
  check_values(pad(x, nine, {-1}, {-1}, {1}), {3}, {9, 2, 9});
  check_values(pad(f64({}), nine, {1}, {1}, {3}), {2}, {9, 9});
  check_values(pad(counting({2, 2}), nine, {0, 1}, {1, 0}), {3, 3}, {9, 0, 1, 9, 2, 3, 9, 9, 9});
  const Function cropped = [](std::span<const Array> in) { return pad(in[0], in[1], {-1}, {2}, {1}); };
  // x = 1 2 3 becomes . 2 . 3 . .: 1 is cropped, four elements are padding
  const Arrays g = gradients(cropped, {x, nine}, f64({1, 2, 4, 8, 16, 32}));
  check_values(g[0], {3}, {0, 2, 8});
  check_values(g[1], {}, {1 + 4 + 16 + 32});
  const Graph values = batched(cropped, {x, f64({7, 8})}, {false, true}, 2);
  check_values(reference::evaluate(values, Arrays{x, f64({7, 8})})[0], {2, 6}, {7, 2, 7, 3, 7, 7, 8, 2, 8, 3, 8, 8});
}

TEST_CASE_FIXTURE(WithReference, "joining and reversing") {
  check_values(concatenate({counting({2, 1}), counting({2, 2})}, 1), {2, 3}, {0, 0, 1, 1, 2, 3});
  check_values(concatenate({i32({1}), i32({}), i32({2, 3})}, -1), {3}, {1, 2, 3});
  check_values(stack({f64({1, 2}), f64({3, 4})}), {2, 2}, {1, 2, 3, 4});
  check_values(stack({f64({1, 2}), f64({3, 4})}, -1), {2, 2}, {1, 3, 2, 4});
  check_values(reverse(counting({2, 3}), {1}), {2, 3}, {2, 1, 0, 5, 4, 3});
  check_values(reverse(counting({2, 2}), {-1, 0}), {2, 2}, {3, 2, 1, 0});
}

TEST_CASE_FIXTURE(WithReference, "every dtype moves") {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::u32, DType::boolean}) {
    const Array x = full({1, 2}, 1, dtype);
    const Array moved = reverse(concatenate({transpose(x), zeros({1, 1}, dtype)}, 0), {0});
    CHECK(moved.dtype() == dtype);
    check_values(pad(moved, ones({}, dtype), {0, 0}, {1, 0}), {4, 1}, {0, 1, 1, 1});
  }
}

TEST_CASE_FIXTURE(WithReference, "errors of shape ops") {
  const Array x = zeros({2, 3});
  CHECK_THROWS_WITH_AS(reshape(x, {7}), "reshape: expected 7 elements, for [7], got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(reshape_to(x, {4, -1}), "reshape_to: expected an array that [4,-1] divides, got f32[2,3]",
                       Error);
  CHECK_THROWS_WITH_AS(reshape_to(x, {-1, -1}), "reshape_to: expected at most one size of -1, got [-1,-1]", Error);
  CHECK_THROWS_WITH_AS(broadcast_to(x, {2, 4}),
                       "broadcast_to: expected an array that broadcasts to [2,4], got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(broadcast_in_dim(x, {2, 3}, {1, 0}),
                       "broadcast_in_dim: expected an array that fits dimensions [1,0] of [2,3], got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(transpose(x, {0, 0}),
                       "transpose: expected an array whose dimensions [0,0] permutes, got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(slice(x, {0, 2}, {2, 4}),
                       "slice: expected an array that holds [0,2] to [2,4] by [1,1], got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(pad(x, zeros({}, DType::i32), {1, 0}, {0, 0}),
                       "pad: expected a scalar of the array's dtype as value, got f32[2,3] and i32[]", Error);
  CHECK_THROWS_WITH_AS(pad(x, zeros({}), {-3, 0}, {0, 0}),
                       "pad: expected an array that low [-3,0], high [0,0], interior [0,0] fit, got f32[2,3] and f32[]",
                       Error);
  CHECK_THROWS_WITH_AS(concatenate({x, zeros({3, 3})}, 1),
                       "concatenate: expected arrays that differ in dimension 1 only, got f32[2,3] and f32[3,3]",
                       Error);
  CHECK_THROWS_WITH_AS(concatenate({}, 0), "concatenate: expected at least one array, got none", Error);
  CHECK_THROWS_WITH_AS(stack({x, zeros({2})}), "stack: expected arrays of one type, got f32[2,3] and f32[2]", Error);
  CHECK_THROWS_WITH_AS(split(x, 2, 1), "split: expected dimension 1 to divide in 2, got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(squeeze(x, 0), "squeeze: expected size 1 in dimension 0, got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(index_axis(x, 0, 2), "index_axis: expected an index in [-2, 2), got 2", Error);
  CHECK_THROWS_WITH_AS(reverse(x, {0, -2}), "reverse: expected each axis once, got [0,-2]", Error);
  CHECK_THROWS_WITH_AS(iota({2}, 0, DType::boolean), "iota: expected a numeric dtype, got bool[2]", Error);
}

}  // namespace
}  // namespace nnx::test
