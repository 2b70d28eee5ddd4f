// remat = the plain function, on objects.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

TEST_CASE("remat gives the values, gradients and mutations of the plain function") {
  Rngs rngs(0);
  const auto m = make<Block>(3, rngs), oracle = clone(m);
  const Array x = random::normal(rngs(), {2, 3});
  const auto plain = [](Ref<Block> b, Array v) { return (*b)(v); };
  const auto again = remat(plain);
  check_near(again(m, x), plain(oracle, x));
  const auto loss = [](auto f) { return [f](Ref<Block> b, Array v) { return sum(square(f(b, f(b, v)))); }; };
  auto [value, grads] = value_and_grad<0, 1>(loss(again))(m, x);
  auto [value2, grads2] = value_and_grad<0, 1>(loss(plain))(oracle, x);
  check_near(value, value2);
  check_near(std::get<0>(grads), std::get<0>(grads2));
  check_near(std::get<1>(grads), std::get<1>(grads2));
  check_near(state(m), state(oracle));
}

TEST_CASE("remat sees Variables that are not arguments, and Modules that the function makes") {
  Rngs rngs(0);
  const auto m = make<Linear>(3, 3, rngs);
  const Array x = ones({2, 3});
  const auto step = jit([&](Array v) {
    const auto made = remat([&](Array u) {
      const auto out = make<Linear>();
      out->w = Param(matmul(u, m->w));
      out->b = Param(zeros({3}));
      return out;
    })(v);
    return made->w.get() * 1.0;
  });
  check_near(step(x), matmul(x, m->w));
}
