// grad and value_and_grad over objects.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

namespace {

struct Sum3 : Module<Sum3> {
  Param a0, a1, b;
  static void fields(auto& self, auto&& f) {
    f("a0", self.a0);
    f("a1", self.a1);
    f("b", self.b);
  }
};

struct Mixed : Module<Mixed> {
  Param a;
  BatchStat b;
  Mixed() : a(scalar(10.0f)), b(scalar(20.0f)) {}
  static void fields(auto& self, auto&& f) {
    f("a", self.a);
    f("b", self.b);
  }
};

}  // namespace

TEST_CASE("census 23: a shared Variable has one gradient, the sum") {
  const auto m = make<Sum3>();
  m->a0 = Param(scalar(10.0f));
  m->a1 = Param(scalar(20.0f));
  m->b = m->a0;
  const State grads = grad([](Ref<Sum3> s) { return s->a0.get() + s->a1.get() + s->b.get(); })(m);
  CHECK(grads.paths() == std::vector<std::string>{"a0", "a1"});
  CHECK(grads["a0"].item<float>() == 2);
  CHECK(grads["a1"].item<float>() == 1);
  update(m, grads);
  CHECK(m->b.get().item<float>() == 2);
}

TEST_CASE("census 24, 25: Params by default, or what a filter chooses") {
  const auto m = make<Mixed>();
  const auto f = [](Ref<Mixed> x) { return x->a.get() * 2.0 + x->b.get(); };
  CHECK(grad(f)(m).paths() == std::vector<std::string>{"a"});
  CHECK(m->b.get().item<float>() == 20);
  const State stats = grad(f, of<BatchStat>)(m);
  CHECK(stats.paths() == std::vector<std::string>{"b"});
  CHECK(stats["b"].item<float>() == 1);
}

TEST_CASE("census 26: a filter for each position") {
  Rngs rngs(0);
  const auto one = make<Linear>(2, 3, rngs), two = make<Linear>(2, 3, rngs);
  const auto f = [](Ref<Linear> a, Ref<Linear> b) { return mean((*a)(ones({1, 2})) * (*b)(ones({1, 2}))); };
  const auto [first, second] = grad<0, 1>(f, path("w"), path("b"))(one, two);
  CHECK(first.paths() == std::vector<std::string>{"w"});
  CHECK(second.paths() == std::vector<std::string>{"b"});
}

TEST_CASE("aux results may be State, Modules and tuples; mutations come out") {
  Rngs rngs(0);
  const auto m = make<Block>(3, rngs);
  const Array x = ones({2, 3});
  const auto f = [](Ref<Block> b, Array v) {
    const Array y = (*b)(v);
    auto head = make<Linear>();
    head->w = Param(y);
    head->b = Param(zeros({3}));
    return std::tuple(sum(y), head, state(b), std::vector<Array>{y});
  };
  auto [result, grads] = value_and_grad(f)(m, x);
  auto [loss, head, values, ys] = result;
  CHECK(loss.item<float>() == doctest::Approx(sum(ys[0]).item<float>()));
  check_near(head->w.get(), ys[0]);
  check_near(values, state(m));
  CHECK(m->count.get().item<int32_t>() == 1);
  CHECK(m->noise->count.get().item<uint32_t>() == 1);
  CHECK(grads.paths() == std::vector<std::string>{"b", "w"});
  // What came out can go in again.
  CHECK_NOTHROW(head->w.set(head->w.get() * 2.0));
}

TEST_CASE("a State is differentiated like the Module it came from") {
  Rngs rngs(0);
  const auto m = make<Linear>(2, 3, rngs);
  const auto [def, params] = split(m);
  const State by_state = grad([&, def = def](State p) { return sum(square((*merge<Linear>(def, p))(ones({1, 2})))); })(params);
  const State by_module = grad([](Ref<Linear> l) { return sum(square((*l)(ones({1, 2})))); })(m);
  check_near(by_state, by_module);
}

TEST_CASE("gradients of gradients over a module") {
  const auto m = make<Mixed>();   // a = 10: d/da a^3 = 300, d2/da2 = 60
  const auto cube = [](Ref<Mixed> x) { return x->a.get() * x->a.get() * x->a.get(); };
  CHECK(grad(cube)(m)["a"].item<float>() == doctest::Approx(300));
  CHECK(grad([&](Ref<Mixed> x) { return grad(cube)(x)["a"]; })(m)["a"].item<float>() == doctest::Approx(60));
  CHECK(jit([&](Ref<Mixed> x) { return grad([&](Ref<Mixed> y) { return grad(cube)(y)["a"]; })(x)["a"]; })(m).item<float>() == doctest::Approx(60));
}

TEST_CASE("stop_gradient on trees") {
  const Array x = scalar(3.0f);
  const auto f = [](Array v) {
    const auto [fixed, list] = stop_gradient(std::tuple(v, std::vector<Array>{v}));
    return v * fixed + list[0] * v;
  };
  CHECK(grad(f)(x).item<float>() == 6);
  const auto m = make<Mixed>();
  CHECK(grad([](Ref<Mixed> y) { return stop_gradient(state(y))["a"] * y->a.get(); })(m)["a"].item<float>() == 10);
}
