#include "base/side_by_side.h"

#include <doctest/doctest.h>

#include <latch>
#include <stdexcept>
#include <string>
#include <vector>

namespace nnx::test {

TEST_CASE("each piece is done once, whatever the number of threads") {
  for (const int threads : {0, 1, 3, 16})
    for (const size_t count : {0, 1, 2, 100}) {
      std::vector<int> done(count);
      side_by_side(count, threads, [&](size_t i) { ++done[i]; });
      CHECK(done == std::vector<int>(count, 1));
    }
}

TEST_CASE("pieces are done at the same time") {
  std::latch met(3);   // each waits for the others
  side_by_side(3, 3, [&](size_t) { met.arrive_and_wait(); });
  CHECK(met.try_wait());
}

TEST_CASE("the error is that of the first piece that fails, and what comes after it may be left") {
  const auto failing_from = [](size_t first, int threads, std::vector<int>& begun) {
    side_by_side(begun.size(), threads, [&](size_t i) {
      ++begun[i];
      if (i >= first) throw std::runtime_error(std::to_string(i));
    });
  };
  for (const int threads : {1, 2, 16}) {
    std::vector<int> begun(100);
    CHECK_THROWS_WITH_AS(failing_from(20, threads, begun), "20", std::runtime_error);
    CHECK(std::vector<int>(begun.begin(), begun.begin() + 21) == std::vector<int>(21, 1));
    CHECK(begun.back() == 0);
  }
}

}  // namespace nnx::test
