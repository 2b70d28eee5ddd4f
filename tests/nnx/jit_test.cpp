// jit: structural changes come out, compilations explain themselves, and what leaks is named.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

namespace {

struct Tree : Module<Tree> {
  Ref<Layer> a, b;
  std::vector<Ref<Layer>> more;
  Variable note;
  std::string mode = "plain";
  static void fields(auto& self, auto&& f) {
    f("a", self.a);
    f("b", self.b);
    f("more", self.more);
    f("note", self.note);
    f("mode", self.mode);
  }
};

Ref<Tree> tree(Rngs& rngs) {
  const auto t = make<Tree>();
  t->a = make<Linear>(2, 2, rngs);
  t->b = make<Linear>(2, 2, rngs);
  return t;
}

}  // namespace

TEST_CASE("census 20: swapped children are swapped outside, without tracing again") {
  Rngs rngs(0);
  const auto t = tree(rngs);
  const Ref<Layer> a = t->a, b = t->b;
  int traced = 0;
  const auto swap = jit([&](Ref<Tree> m) {
    ++traced;
    std::swap(m->a, m->b);
  });
  swap(t);
  CHECK(t->a == b);
  CHECK(t->b == a);
  swap(t);
  CHECK(t->a == a);
  CHECK(traced == 1);
}

TEST_CASE("census 21: the same structure is not traced again, another one is, and says why") {
  Rngs rngs(0);
  const auto m = make<Linear>(2, 3, rngs);
  int traced = 0;
  const auto f = jit([&](Ref<Linear> layer, Array x) {
    ++traced;
    return (*layer)(x);
  });
  for (int i = 0; i < 3; ++i) f(m, ones({1, 2}));
  CHECK(traced == 1);
  CHECK(f.explain() == "the first call");
  f(m, ones({4, 2}));
  CHECK(traced == 2);
  CHECK(f.explain() == "argument 1: Array f32[1,2] -> Array f32[4,2]");
  f(make<Linear>(2, 5, rngs), ones({4, 2}));
  CHECK(f.explain() == "'w' of argument 0: Param f32[2,3] -> Param f32[2,5]\n'b' of argument 0: Param f32[3] -> Param f32[5]\n"
                       "'dout' of argument 0: 3 -> 5");
  CHECK(traced == 3);
}

TEST_CASE("a changed static field, a new Variable and a replaced submodule come out of jit") {
  Rngs rngs(0);
  const auto t = tree(rngs);
  const auto f = jit([](Ref<Tree> m, Array x) {
    m->mode = "changed";
    m->note = Intermediate(x * 2.0);
    auto wide = make<Linear>();
    wide->w = Param(x);
    wide->b = Param(zeros({2}));
    m->b = wide;
    m->more.push_back(m->a);
    return sum(x);
  });
  for (int call = 1; call <= 3; ++call) {
    f(t, ones({2, 2}) * static_cast<double>(call));
    CHECK(t->mode == "changed");
    CHECK(floats(t->note.get()) == std::vector<float>(4, 2.0f * static_cast<float>(call)));
    CHECK(t->note.kind().name == "Intermediate");
    CHECK(floats(as<Linear>(t->b)->w.get()) == std::vector<float>(4, static_cast<float>(call)));
    CHECK(t->more.size() == static_cast<size_t>(call));
    CHECK(t->more.back() == t->a);
  }
  CHECK(f.explain().find("'more' of argument 0: 1 elements -> 2 elements") != std::string::npos);
}

TEST_CASE("jit in jit is one plan") {
  Rngs rngs(0);
  const auto m = make<Block>(3, rngs), oracle = clone(m);
  const auto inner = jit([](Ref<Block> b, Array x) { return (*b)(x); });
  const auto outer = jit([&](Ref<Block> b, Array x) {
    const Array y = inner(b, x);
    return inner(b, y);
  });
  const Array x = ones({2, 3});
  check_near(outer(m, x), (*oracle)((*oracle)(x)));
  check_near(state(m), state(oracle));
  CHECK(inner.entries() == 0);
}

TEST_CASE("a traced value that leaked is named by the path of the Variable that holds it") {
  Rngs rngs(0);
  const auto t = tree(rngs);
  const auto leak = jit([&](Array x) {
    as<Linear>(t->a)->w = Param(x * 2.0);   // t is not an argument
    return x;
  });
  leak(ones({2, 2}));
  const std::string reason = "a traced f32[2,2] is used after its trace has ended; a value computed inside jit, grad, vmap or "
                             "scan must leave it as a result or in a Variable of an argument";
  CHECK(error_of([&] { split(t); }) == "Param 'a.w': " + reason);
  CHECK(error_of([&] { jit([](Ref<Tree> m, Array x) { return (*m->a)(x); })(t, ones({1, 2})); }) == "Param 'a.w' of argument 0: " + reason);
  CHECK(error_of([&] { (*t->a)(ones({1, 2})); }) == "Param: " + reason);
}

TEST_CASE("mutating an object of an outer trace names the path") {
  Rngs rngs(0);
  const auto m = make<Block>(3, rngs);
  const auto step = jit([](Ref<Block> b, Array x) {
    return vmap([&](Array v) { b->count.set(b->count.get() + 1); return v; })(x);
  });
  CHECK(error_of([&] { step(m, ones({2, 3})); })
            .starts_with("Count count: cannot be mutated from a different trace level"));
  CHECK(m->count.get().item<int32_t>() == 0);
}
