#include "graph/array.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace nnx::test {

TEST_CASE("an array holds its values in row-major order") {
  const Array x = array<int32_t>({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(x.defined());
  CHECK(x.concrete());
  CHECK(x.type().to_string() == "i32[2,3]");
  CHECK(x.to_vector<int32_t>() == std::vector<int32_t>{1, 2, 3, 4, 5, 6});
  CHECK(x.dim(-1) == 3);
  CHECK(x.size() == 6);
  CHECK(scalar(2.5).item<double>() == 2.5);
  CHECK(scalar(true).dtype() == DType::boolean);
  CHECK(array<float>({}, {0, 3}).to_vector<float>().empty());
  CHECK(!Array().defined());
}

TEST_CASE("what does not fit is refused") {
  CHECK_THROWS_WITH_AS(array<float>({1, 2, 3}, {2}), "array: expected 2 values for shape [2], got 3", Error);
  CHECK_THROWS_AS(array<float>({1}, {1}).data<double>(), Error);
  CHECK_THROWS_AS((array<float>({1, 2}, {2}).item<float>()), Error);
  CHECK_THROWS_AS(array<float>({1, 2}, {2}).dim(1), Error);
  CHECK_THROWS_AS(Array({DType::f32, {4}}, Buffer::allocate(8)), Error);
  CHECK_THROWS_AS(Array().buffer(), Error);
}

}  // namespace nnx::test
