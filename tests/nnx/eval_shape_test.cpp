// Structure and types without memory.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

TEST_CASE("eval_shape gives a model's GraphDef and types with no memory touched") {
  const auto build = [](int64_t d) {
    Rngs rngs(0);
    return make<Block>(d, rngs);
  };
  const auto huge = eval_shape([&] { return build(1 << 15); });   // 4 GiB
  const auto [def, types] = split(huge);
  CHECK(types.at("w").value.type() == Type{DType::f32, {1 << 15, 1 << 15}});
  CHECK(types.at("noise.key").value.type() == Type{DType::u32, {2}});
  CHECK(def == graphdef(build(4)));
  const auto outputs = eval_shape([](Ref<Block> m, Array x) { return (*m)(x); }, build(4), zeros({7, 4}));
  CHECK(outputs.type() == Type{DType::f32, {7, 4}});
}

TEST_CASE("the arguments of eval_shape stay as they are") {
  Rngs rngs(0);
  const auto m = make<Block>(3, rngs);
  const State before = state(m);
  eval_shape([](Ref<Block> inner, Array x) {
    const Array y = (*inner)(x);
    inner->w = Param(zeros({1}));
    return y;
  }, m, zeros({2, 3}));
  CHECK(m->w.shape() == Shape{3, 3});
  check_near(state(m), before);
}

TEST_CASE("a value without memory says so where it is used") {
  const auto linear = eval_shape([] { Rngs rngs(0); return make<Linear>(2, 3, rngs); });
  const std::string reason = "an abstract f32[2,3] has a type but no value; make the object outside eval_shape, or give it values by update";
  CHECK(error_of([&] { linear->w.get().to_vector<float>(); }) == "array: " + reason);
  CHECK(error_of([&] { (*linear)(ones({1, 2})); }) == "trace: " + reason);
  const auto forward = jit([](Ref<Linear> m, Array x) { return (*m)(x); });
  CHECK(error_of([&] { forward(linear, ones({1, 2})); }) == "jit: 'w' of argument 0: " + reason);
  // With values it works.
  Rngs rngs(0);
  update(linear, state(make<Linear>(2, 3, rngs)));
  CHECK(forward(linear, ones({1, 2})).shape() == Shape{1, 3});
}
