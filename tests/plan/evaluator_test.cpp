// Concrete ops run as cached plans of one op.
#include <doctest/doctest.h>

#include <cmath>
#include <thread>

#include "base/error.h"
#include "ops/ops.h"
#include "plan/plan.h"

namespace nnx {
namespace {

TEST_CASE("ops on concrete Arrays run at once, on any thread") {
  install_plan_evaluator();
  const auto work = [](float start) {
    for (int i = 0; i < 600; ++i) {  // more shapes than the cache holds, then some again
      const int64_t n = 1 + i % 580;
      const Array x = full({n}, static_cast<double>(start));
      const Array y = sum(x * 2.0 + 1.0);
      if (y.item<float>() != static_cast<float>(n) * (2 * start + 1)) return false;
    }
    return true;
  };
  bool other = false;
  std::thread thread([&] { other = work(3); });
  CHECK(work(2));
  thread.join();
  CHECK(other);
}

TEST_CASE("results are their own: running an op again changes nothing") {
  install_plan_evaluator();
  const Array x = array<float>({1, 2}, {2});
  const Array a = x + x, b = a + a, c = x + x;
  CHECK(a.to_vector<float>() == std::vector<float>{2, 4});
  CHECK(b.to_vector<float>() == std::vector<float>{4, 8});
  CHECK(c.to_vector<float>() == a.to_vector<float>());
  const Array view = reshape(x, {2, 1});
  CHECK(view.buffer() == x.buffer());  // a reshape shares
  CHECK(transpose(array<double>({1, 2, 3, 4}, {2, 2})).to_vector<double>() == std::vector<double>{1, 3, 2, 4});
}

TEST_CASE("a graph applied to concrete Arrays runs as one plan") {
  install_plan_evaluator();
  const auto make = [] {
    return trace({{DType::f32, {2}}},
                 [](std::span<const Array> in) {
                   check_finite(in[0], "x");
                   return Arrays{exp(in[0] * 0.0) + in[0]};
                 })
        .graph;
  };
  CHECK(nnx::apply(make(), Arrays{array<float>({1, 2}, {2})})[0].to_vector<float>() == std::vector<float>{2, 3});
  CHECK(nnx::apply(make(), Arrays{array<float>({3, 4}, {2})})[0].to_vector<float>() == std::vector<float>{4, 5});
  CHECK_THROWS_AS(nnx::apply(make(), Arrays{array<float>({1, INFINITY}, {2})}), Error);
}

}  // namespace
}  // namespace nnx
