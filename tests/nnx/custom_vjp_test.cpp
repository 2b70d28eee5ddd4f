// Functions with gradients of their own.
#include <cmath>

#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

TEST_CASE("a gradient of its own for Arrays") {
  const auto clipped = custom_vjp([](Array x) { return x * 1.0; }, [](Array x) { return std::pair(x * 1.0, std::tuple<>()); },
                                  [](std::tuple<>, Array ct) { return clip(ct, -1.0, 1.0); });
  const Array x = array<float>({1, -2, 3}, {3});
  CHECK(floats(clipped(x)) == floats(x));
  const auto loss = [&](Array v) { return sum(clipped(v) * array<float>({0.5, 7, -9}, {3})); };
  CHECK(floats(grad(loss)(x)) == std::vector<float>{0.5, 1, -1});
  CHECK(floats(jit([&](Array v) { return grad(loss)(v); })(x)) == std::vector<float>{0.5, 1, -1});
  CHECK(floats(vmap([&](Array v) { return grad([&](Array u) { return clipped(u) * 5.0; })(v); })(x)) == std::vector<float>{1, 1, 1});
}

TEST_CASE("residuals, several arguments, captured Arrays") {
  const Array scale = scalar(10.0f);
  const auto f = [](Array x, Array y) { return sin(x) * y; };
  const auto g = custom_vjp(f, [&](Array x, Array y) { return std::pair(f(x, y), std::tuple(cos(x), sin(x), y)); },
                            [&](std::tuple<Array, Array, Array> r, Array ct) {
                              const auto& [c, s, y] = r;
                              return std::tuple(scale * ct * c * y, ct * s);
                            });
  const Array x = scalar(0.5f), y = scalar(2.0f);
  const auto [gx, gy] = grad<0, 1>(g)(x, y);
  CHECK(gx.item<float>() == doctest::Approx(10 * std::cos(0.5) * 2));
  CHECK(gy.item<float>() == doctest::Approx(std::sin(0.5)));
}

TEST_CASE("the gradient of a Module is a State; what the function sets is carried out") {
  Rngs rngs(0);
  const auto m = make<Block>(3, rngs), oracle = clone(m);
  const Array x = random::normal(rngs(), {2, 3});
  const auto f = [](Ref<Block> b, Array v) {
    b->count.set(b->count.get() + 1);
    return matmul(v, b->w);
  };
  const auto g = custom_vjp(f, [&](Ref<Block> b, Array v) { return std::pair(f(b, v), std::tuple(b, v)); },
                            [](std::tuple<Ref<Block>, Array> r, Array ct) {
                              const auto& [b, v] = r;
                              State grads;
                              grads.insert(parse_path("w"), {matmul(transpose(v), ct), &Param::static_kind()});
                              return std::tuple(grads, matmul(ct, transpose(b->w.get())));
                            });
  const auto loss = [](auto h) { return [h](Ref<Block> b, Array v) { return sum(square(h(b, v))); }; };
  auto [value, grads] = value_and_grad<0, 1>(loss(g))(m, x);
  auto [value2, grads2] = value_and_grad<0, 1>(loss(f))(oracle, x);
  check_near(value, value2);
  check_near(std::get<0>(grads), std::get<0>(grads2));
  check_near(std::get<1>(grads), std::get<1>(grads2));
  CHECK(m->count.get().item<int32_t>() == 1);
}

TEST_CASE("gradients that do not fit are named") {
  const auto wrong = custom_vjp([](Array x) { return x * 1.0; }, [](Array x) { return std::pair(x * 1.0, std::tuple<>()); },
                                [](std::tuple<>, Array ct) { return sum(ct); });
  CHECK(error_of([&] { grad([&](Array x) { return sum(wrong(x)); })(ones({3})); }) ==
        "custom_vjp: the gradient of argument 0: expected f32[3], got f32[]");
}
