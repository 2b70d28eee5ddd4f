// Laws: every ordered pair of transforms, applied to a Module with Param, BatchStat, Count and random state, gives what the
// unrolled program gives, values and state. A function under test is (module, x) -> Array of x's shape.
#include <functional>

#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

namespace {

using Function = std::function<Array(Ref<Block>, Array)>;

struct Transform {
  std::string name;
  Function (*lifted)(Function f);
  Function (*unrolled)(Function f);   // the same by hand
  bool stacks_module, stacks_x;       // whether its arguments have one axis more
};

constexpr int64_t lanes = 3;

// Runs `f` on lane after lane of the module; the state goes back where it came from.
Arrays on_lanes(const Ref<Block>& m, const std::function<Array(Ref<Block>, int64_t)>& f) {
  std::vector<Ref<Block>> singles;
  Arrays out;
  for (int64_t i = 0; i < lanes; ++i) singles.push_back(lane(m, i));
  for (int64_t i = 0; i < lanes; ++i) out.push_back(f(singles[static_cast<size_t>(i)], i));
  update(m, stacked_state(singles));
  return out;
}

// Values and all gradients in one Array of x's shape.
Function with_gradient(Function f) {
  return [f](Ref<Block> m, Array x) {
    const auto loss_fn = [f](Ref<Block> b, Array v) { return mean(square(f(b, v))); };
    auto [loss, grads] = value_and_grad<0, 1>(loss_fn)(m, x);
    const auto& [of_module, of_x] = grads;
    const Array extra = loss + sum(of_module["b"]) + sum(of_module["w"] * of_module["w"]);
    return of_x + extra;
  };
}

const std::vector<Transform> transforms = {
    {"jit", [](Function f) -> Function { return jit(f); }, [](Function f) { return f; }, false, false},
    {"value_and_grad", with_gradient, with_gradient, false, false},
    {"vmap", [](Function f) -> Function { return vmap(f); },
     [](Function f) -> Function {
       return [f](Ref<Block> m, Array x) { return stack(on_lanes(m, [&](Ref<Block> b, int64_t i) { return f(b, index_axis(x, 0, i)); })); };
     },
     true, true},
    {"scan",
     [](Function f) -> Function {
       return [f](Ref<Block> m, Array x) { return scan([f](Array v, Ref<Block> b) { return f(b, v); })(x, m); };
     },
     [](Function f) -> Function {
       return [f](Ref<Block> m, Array x) {
         return on_lanes(m, [&](Ref<Block> b, int64_t) { return x = f(b, x); }).back();
       };
     },
     true, false},
    {"remat", [](Function f) -> Function { return remat(f); }, [](Function f) { return f; }, false, false},
};

Ref<Block> make_block(int depth, Rngs& rngs) {
  if (depth == 0) return make<Block>(3, rngs);
  std::vector<Ref<Block>> modules;
  for (int64_t i = 0; i < lanes; ++i) modules.push_back(make_block(depth - 1, rngs));
  return stacked(modules);
}

}  // namespace

TEST_CASE("every ordered pair of transforms is the unrolled program") {
  for (const Transform& outer : transforms)
    for (const Transform& inner : transforms) {
      CAPTURE(outer.name);
      CAPTURE(inner.name);
      Rngs rngs(11);
      const auto m = make_block(int{outer.stacks_module} + int{inner.stacks_module}, rngs), oracle = clone(m);
      Shape shape{2, 3};
      for (int k = int{outer.stacks_x} + int{inner.stacks_x}; k > 0; --k) shape = shape.inserted(0, lanes);
      const Array x = random::normal(rngs(), shape);
      const Function composed = outer.lifted(inner.lifted([](Ref<Block> b, Array v) { return (*b)(v); }));
      const Function by_hand = outer.unrolled(inner.unrolled([](Ref<Block> b, Array v) { return (*b)(v); }));
      for (int call = 0; call < 2; ++call) {   // the second sees what the first left behind
        check_near(composed(m, x), by_hand(oracle, x), 1e-4);
        check_near(state(m), state(oracle), 1e-4);
        CHECK(m->w.cell()->level == 0);
      }
    }
}
