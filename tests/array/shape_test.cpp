#include "array/shape.h"

#include <doctest/doctest.h>

#include <vector>

#include "base/error.h"

namespace nnx::test {

TEST_CASE("a shape knows its size and its text") {
  const Shape s{2, 3, 5};
  CHECK(s.rank() == 3);
  CHECK(s.size() == 30);
  CHECK(s[1] == 3);
  CHECK(s.at(-1) == 5);
  CHECK(s.back() == 5);
  CHECK(s.to_string() == "[2,3,5]");
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{}.to_string() == "[]");
  CHECK(Shape{3, 0}.size() == 0);
  CHECK(std::vector<int64_t>(s.begin(), s.end()) == std::vector<int64_t>{2, 3, 5});
}

TEST_CASE("changed copies") {
  const Shape s{2, 3};
  CHECK(s.with(0, 7) == Shape{7, 3});
  CHECK(s.without(0) == Shape{3});
  CHECK(s.inserted(0, 9) == Shape{9, 2, 3});
  CHECK(s.inserted(2, 9) == Shape{2, 3, 9});
  CHECK(s.prepended({4, 5}) == Shape{4, 5, 2, 3});
  CHECK(s == Shape{2, 3});
}

TEST_CASE("equality and hash see rank and sizes") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3}.hash() == Shape{2, 3}.hash());
  for (const Shape& other : {Shape{3, 2}, Shape{2}, Shape{2, 3, 1}, Shape{}}) {
    CHECK(!(Shape{2, 3} == other));
    CHECK(Shape{2, 3}.hash() != other.hash());
  }
  CHECK(!(Shape{} == Shape{1}));
}

TEST_CASE("impossible shapes are refused") {
  CHECK_THROWS_WITH_AS((Shape{2, -1}), "shape: expected sizes of at least 0, got [2,-1]", Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
  CHECK_THROWS_AS((Shape{int64_t{1} << 40, int64_t{1} << 40}), Error);
  CHECK_THROWS_AS((Shape{0, int64_t{1} << 40, int64_t{1} << 40}), Error);  // its gradient's sizes would overflow too
  CHECK_THROWS_AS(Shape{2}.at(1), Error);
}

TEST_CASE("axes count from either end") {
  CHECK(normalize_axis(1, 3, "sum") == 1);
  CHECK(normalize_axis(-1, 3, "sum") == 2);
  CHECK_THROWS_WITH_AS(normalize_axis(3, 3, "sum"), "sum: expected an axis in [-3, 3), got 3", Error);
  CHECK_THROWS_AS(normalize_axis(-4, 3, "sum"), Error);
}

}  // namespace nnx::test
