// Branches and loops over objects.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

namespace {

struct Held : Module<Held> {
  Variable value;
  Held() : value(scalar(0.0f)) {}
  static void fields(auto& self, auto&& f) { f("value", self.value); }
};

struct Table : Module<Table> {
  Param kernel;
  Count rounds, next;
  Table() : kernel(array<float>({1, 0, 0, 1}, {2, 2})), rounds(scalar<int32_t>(0)), next(scalar<int32_t>(0)) {}
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("rounds", self.rounds);
    f("next", self.next);
  }
};

struct Shared : Module<Shared> {
  Ref<Linear> a, b;
  static void fields(auto& self, auto&& f) {
    f("a", self.a);
    f("b", self.b);
  }
};

void add_to(const Variable& v, double n) { Variable(v).set(v.get() + n); }

}  // namespace

TEST_CASE("census 34: Collatz by cond") {
  const auto m = make<Held>();
  m->value.set(scalar(8.0f));
  const auto step = [&] {
    const Array x = m->value.get();
    cond(equal(x - floor(x / 2.0) * 2.0, 0.0), [](Ref<Held> c) { c->value.set(c->value.get() / 2.0); },
         [](Ref<Held> c) { c->value.set(c->value.get() * 3.0 + 1.0); }, m);
    return m->value.get().item<float>();
  };
  CHECK(step() == 4);
  CHECK(step() == 2);
  CHECK(step() == 1);
  CHECK(step() == 4);
}

TEST_CASE("census 35: a cycle of branches by switch") {
  const auto table = make<Table>();
  const auto run = jit([](Ref<Table> m, Array x) {
    const Array y = switch_case(m->next.get(), std::tuple([](Ref<Table> t, Array v) { add_to(t->rounds, 1); return matmul(v, t->kernel); },
                                                          [](Ref<Table> t, Array v) { return matmul(v, t->kernel) * 2.0; },
                                                          [](Ref<Table> t, Array v) { t->kernel.set(zeros({2, 2})); return matmul(v, t->kernel); }),
                                m, x);
    const Array next = m->next.get() + 1;
    m->next.set(select(equal(next, 3.0), zeros_like(next), next));
    return y;
  });
  std::vector<float> ys;
  std::vector<int32_t> rounds, next;
  for (int i = 0; i < 4; ++i) {
    ys.push_back(floats(run(table, ones({1, 2})))[0]);
    rounds.push_back(table->rounds.get().item<int32_t>());
    next.push_back(table->next.get().item<int32_t>());
  }
  CHECK(ys == std::vector<float>{1, 2, 0, 0});
  CHECK(rounds == std::vector<int32_t>{1, 1, 1, 2});
  CHECK(next == std::vector<int32_t>{1, 2, 0, 1});
  CHECK(run.entries() == 1);
}

TEST_CASE("branches see outer Arrays, give gradients, and must end alike") {
  const Array a = scalar(3.0f), b = scalar(5.0f);
  const auto f = [&](Array p, Array x) { return cond(p, [&](Array v) { return v * a; }, [&](Array v) { return v * v * b; }, x); };
  const Array yes = scalar(true), no = scalar(false), x = scalar(2.0f);
  CHECK(f(yes, x).item<float>() == 6);
  CHECK(f(no, x).item<float>() == 20);
  CHECK(grad([&](Array v) { return f(yes, v); })(x).item<float>() == 3);
  CHECK(grad([&](Array v) { return f(no, v); })(x).item<float>() == 20);
  const Array each_lane = vmap(f)(array<bool>({true, false}, {2}), array<float>({2, 2}, {2}));
  CHECK(floats(each_lane) == std::vector<float>{6, 20});

  Rngs rngs(0);
  const auto m = make<Held>();
  const auto differs = [&](auto t, auto e) { return error_of([&] { cond(yes, t, e, m, x); }); };
  CHECK(differs([](Ref<Held>, Array v) { return v; }, [](Ref<Held>, Array v) { return expand_dims(v, 0); }) ==
        "branches: they must end in the same structure, but branch 1 differs from branch 0: '' of the result: Array f32[1] -> Array f32[]");
  CHECK(differs([](Ref<Held> c, Array v) { c->value = Param(v); return v; }, [](Ref<Held>, Array v) { return v; })
            .find("'value' of argument 0: Variable f32[] -> Param f32[]") != std::string::npos);
  CHECK(m->value.kind().name == "Variable");
}

TEST_CASE("census 36: while_loop over a module") {
  Rngs rngs(0);
  const auto m = make<Linear>(3, 3, rngs);
  const Array identity = array<float>({2, 0, 0, 0, 2, 0, 0, 0, 2}, {3, 3});
  m->w.set(identity);
  m->b.set(zeros({3}));
  using Value = std::tuple<Ref<Linear>, Array, Array>;
  const auto holds = [](Value v) { return greater(std::get<2>(v), 0.0); };
  const auto body = [](Value v) {
    auto [layer, x, n] = v;
    return Value(layer, (*layer)(x), n - 1.0);
  };
  const Array x = ones({1, 3});
  const auto [same, y, n] = while_loop(holds, body, Value(m, x, scalar(3.0f)));
  CHECK(same == m);
  CHECK(floats(y) == std::vector<float>{8, 8, 8});
  CHECK(n.item<float>() == 0);
  CHECK(error_of([&] { while_loop(holds, [](Value v) { std::get<0>(v)->w = Param(std::get<0>(v)->w.get()); return v; }, Value(m, x, scalar(3.0f))); })
            .find("'0.w' of argument 0: one Variable -> another") != std::string::npos);
  m->w.set(identity);
  CHECK(error_of([&] { while_loop([](Value v) { std::get<0>(v)->b.set(std::get<1>(v)); return greater(std::get<2>(v), 0.0); }, body, Value(m, x, scalar(3.0f))); }) ==
        "while_loop: the condition changes '0.b' of argument 0; only the body may");
}

TEST_CASE("census 37, 38, 39: fori_loop, its gradient, and shared modules") {
  Rngs rngs(0);
  const auto m = make<Linear>(3, 3, rngs);
  m->b.set(zeros({3}));
  const Array eye = array<float>({1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3});
  using Value = std::tuple<Ref<Linear>, Array>;
  const auto [layer, y] = fori_loop(2, 4, [&](Array i, Value v) {
    std::get<0>(v)->w.set(eye * cast(i, DType::f32));
    return Value(std::get<0>(v), (*std::get<0>(v))(std::get<1>(v)));
  }, Value(m, ones({1, 3})));
  CHECK(floats(y) == std::vector<float>{6, 6, 6});
  CHECK(floats(layer->w.get()) == floats(eye * 3.0));

  // Gradients added up three times.
  const auto loss = [](Array w) { return sum(w); };
  const Array w = ones({2, 2});
  const Array total = fori_loop(0, 3, [&](Array, Array acc) { return acc + grad(loss)(w); }, zeros({2, 2}));
  CHECK(floats(total) == std::vector<float>(4, 3.0f));
  CHECK(floats(grad([&](Array v) { return sum(fori_loop(0, 3, [](Array, Array u) { return u * u; }, v)); })(ones({2}))) ==
        std::vector<float>{8, 8});

  const auto shared = make<Shared>();
  shared->a = m;
  shared->b = m;
  m->w.set(zeros({3, 3}));
  fori_loop(0, 10, [](Array, Ref<Shared> d) { add_to(d->a->w, 1); return d; }, shared);
  CHECK(floats(shared->b->w.get()) == std::vector<float>(9, 10.0f));
  CHECK(shared->a == shared->b);

  // Bounds that only run time knows.
  const auto dynamic = jit([](Array n) { return fori_loop(scalar<int32_t>(0), n, [](Array i, Array v) { return v + cast(i, DType::f32); }, zeros({})); });
  CHECK(dynamic(scalar<int32_t>(5)).item<float>() == 10);
  CHECK(dynamic(scalar<int32_t>(3)).item<float>() == 3);
  CHECK(dynamic.entries() == 1);
}
