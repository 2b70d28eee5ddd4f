// vmap = stack, on objects: what each lane alone does, all lanes together do.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

TEST_CASE("census 31: Modules made under vmap have a leading axis, and the stream outside advances by one") {
  const auto rngs = make<Rngs>(0);
  const std::vector<uint32_t> key = rngs->stream("default")->key.get().to_vector<uint32_t>();
  const auto create = vmap([](Ref<Rngs> r) { return make<Block>(3, *r); }, {.axis_size = 5});
  const Ref<Block> blocks = create(rngs);
  CHECK(blocks->w.shape() == Shape{5, 3, 3});
  CHECK(blocks->b.shape() == Shape{5, 3});
  CHECK(blocks->mean.shape() == Shape{5, 3});
  CHECK(blocks->count.shape() == Shape{5});
  CHECK(blocks->noise->key.shape() == Shape{5, 2});
  CHECK(blocks->noise->count.shape() == Shape{5});
  CHECK(rngs->stream("default")->count.get().item<uint32_t>() == 1);
  CHECK(rngs->stream("default")->key.get().to_vector<uint32_t>() == key);

  // Lane i is what the i-th of the split keys makes alone.
  const Array keys = random::split(random::fold_in(random::key(0), 0), 5);
  for (int64_t i = 0; i < 5; ++i) {
    Rngs alone(0);
    alone.streams["default"] = make<RngStream>("default", index_axis(keys, 0, i));
    const auto block = make<Block>(3, alone);
    check_near(index_axis(blocks->w.get(), 0, i), block->w.get());
    check_near(index_axis(blocks->noise->key.get(), 0, i), block->noise->key.get());
  }
}

TEST_CASE("vmap over a module is the stack of its lanes: values and state") {
  Rngs rngs(1);
  std::vector<Ref<Block>> singles;
  for (int i = 0; i < 3; ++i) singles.push_back(make<Block>(4, rngs));
  const Ref<Block> all = stacked(singles);
  const Array x = random::normal(rngs(), {3, 2, 4});
  const auto run = vmap([](Ref<Block> m, Array v) { return (*m)(v); });
  for (int step = 0; step < 2; ++step) {
    Arrays expected;
    for (int64_t i = 0; i < 3; ++i) expected.push_back((*singles[static_cast<size_t>(i)])(index_axis(x, 0, i)));
    check_near(run(all, x), stack(expected));
    check_near(state(all), stacked_state(singles));
  }
}

TEST_CASE("axes of Arrays: other axes, broadcast, several results, nested") {
  const Array x = array<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Array y = array<float>({10, 20}, {2});
  const auto add_all = vmap([](Array a, Array b) { return std::pair(a + b, sum(a)); }, {.in_axes = {1, no_axis}, .out_axes = {-1, 0}});
  const auto [sums, totals] = add_all(x, y);
  CHECK(sums.shape() == Shape{2, 3});
  CHECK(floats(sums) == std::vector<float>{11, 12, 13, 24, 25, 26});
  CHECK(floats(totals) == std::vector<float>{5, 7, 9});
  const auto outer = vmap([](Array a, Array b) { return vmap([](Array p, Array q) { return p * q; }, {.in_axes = {no_axis, 0}})(a, b); },
                          {.in_axes = {0, no_axis}});
  CHECK(floats(outer(y, y)) == std::vector<float>{100, 200, 200, 400});
  CHECK(floats(vmap([](Array a) { return ones({1}) + 0.0 * sum(a); }, {.out_axes = {1}})(x)) == std::vector<float>{1, 1});
}

TEST_CASE("StateAxes: shared parameters, statistics of each lane") {
  Rngs rngs(2);
  const auto block = make<Block>(3, rngs);
  block->mean.set(zeros({4, 3}));
  block->count.set(zeros({4}, DType::i32));
  const StateAxes axes{{of<BatchStat> || of<Count>, 0}, {rest, no_axis}};
  const Array x = random::normal(rngs(), {4, 2, 3});
  const Array w = block->w.get();
  const Array y = vmap([](Ref<Block> m, Array v) { return (*m)(v); }, {.in_axes = {axes, 0}})(block, x);
  CHECK(y.shape() == Shape{4, 2, 3});
  CHECK(block->mean.shape() == Shape{4, 3});
  CHECK(block->count.get().to_vector<int32_t>() == std::vector<int32_t>(4, 1));
  CHECK(block->w.get().buffer() == w.buffer());
  // Without an axis every lane draws the same, and the stream advances as in one.
  CHECK(block->noise->count.get().item<uint32_t>() == 1);
  const Array same = vmap([](Ref<RngStream> s) { return random::bits((*s)(), {2}); }, {.axis_size = 2, .in_axes = {no_axis}})(block->noise);
  CHECK(same.to_vector<uint32_t>()[0] == same.to_vector<uint32_t>()[2]);
  // Filters may ask for the holding Module as well.
  const StateAxes by_holder{{held_by("RngStream") || of<Param>, no_axis}, {rest, 0}};
  vmap([](Ref<Block> m, Array v) { return (*m)(v); }, {.in_axes = {by_holder, 0}})(block, x);
  CHECK(block->count.get().to_vector<int32_t>() == std::vector<int32_t>(4, 2));
  CHECK(block->noise->count.get().item<uint32_t>() == 3);   // `same` has drawn once in between
  CHECK(error_of([&] { vmap([](Ref<Block> m, Array v) { return (*m)(v); }, {.in_axes = {StateAxes{{of<Param>, no_axis}}, 0}})(block, x); }) ==
        "vmap: No axis found for path=mean (BatchStat); end the StateAxes with {rest, axis}");
}

TEST_CASE("a Variable without axis may be set to what is the same in every lane only") {
  Rngs rngs(3);
  const auto block = make<Block>(3, rngs);
  const StateAxes axes{{of<RngState>, no_axis}, {rest, no_axis}};
  const Array x = random::normal(rngs(), {4, 2, 3});
  CHECK(error_of([&] { vmap([](Ref<Block> m, Array v) { return (*m)(v); }, {.in_axes = {axes, 0}})(block, x); }) ==
        "vmap: 'mean' of argument 0: it has no axis, but its value differs from lane to lane; give it an axis");
  CHECK(block->count.get().item<int32_t>() == 0);   // nothing was written
  vmap([](Ref<Block> m, Array v) { m->count.set(m->count.get() + 1); return v; }, {.in_axes = {no_axis, 0}})(block, x);
  CHECK(block->count.get().item<int32_t>() == 1);
  CHECK(error_of([&] { vmap([](Array v) { return v; }, {.out_axes = {no_axis}})(x); }) ==
        "vmap: the result: it has no axis, but its value differs from lane to lane; give it an axis");
}

TEST_CASE("census 33: one object under two axes is an error that lists paths and axes") {
  Rngs rngs(4);
  const auto m = make<Linear>(2, 2, rngs);
  const std::string text = error_of([&] {
    vmap([](Ref<Linear>, Ref<Linear>) { return zeros({}); }, {.in_axes = {0, 1}})(m, m);
  });
  CHECK(text.starts_with("vmap: Inconsistent aliasing detected."));
  CHECK(text.find("Param: 'w' of argument 0 (0), 'w' of argument 1 (1)") != std::string::npos);
  // Equal axes, in whatever form, are fine.
  CHECK_NOTHROW(vmap([](Ref<Linear> a, Ref<Linear> b) { return sum((*a)(ones({1, 2})) - (*b)(ones({1, 2}))); },
                     {.in_axes = {no_axis, StateAxes{{rest, no_axis}}, }, .out_axes = {0}, }));
}

TEST_CASE("sizes that differ and axes that are not there are named") {
  Rngs rngs(5);
  const auto f = vmap([](Array a, Array b) { return sum(a) + sum(b); });
  CHECK(error_of([&] { f(zeros({3}), zeros({4})); }) == "vmap: mapped axes have different sizes: argument 0 has 3, argument 1 has 4");
  CHECK(error_of([&] { f(zeros({}), zeros({4})); }) == "vmap: argument 0: expected an axis 0, got 0 dimensions");
  CHECK(error_of([&] { vmap([] { return zeros({}); })(); }) == "vmap: nothing is mapped, so the size is not known; give axis_size");
  CHECK(error_of([&] { vmap([](Array a) { return a; }, {.axis_size = 2})(zeros({3})); }) == "vmap: axis_size is 2, but argument 0 has 3");
  CHECK(error_of([&] { vmap([](Array a) { return a; }, {.in_axes = {0, 0}})(zeros({3})); }) ==
        "vmap: expected 1 entries, one for each of the arguments, got 2");
}

TEST_CASE("an ensemble is trained in one vmapped step under jit") {
  Rngs rngs(6);
  std::vector<Ref<Block>> singles;
  for (int i = 0; i < 3; ++i) singles.push_back(make<Block>(4, rngs));
  const Ref<Block> all = stacked(singles);
  const Array x = random::normal(rngs(), {5, 4});
  const auto train = [](Ref<Block> m, Array v) {
    auto [loss, grads] = value_and_grad([](Ref<Block> inner, Array u) { return mean(square((*inner)(u))); })(m, v);
    m->w.set(m->w.get() - grads["w"] * 0.1);
    m->b.set(m->b.get() - grads["b"] * 0.1);
    return loss;
  };
  const auto step = jit([&](Ref<Block> m, Array v) { return vmap(train, {.in_axes = {0, no_axis}})(m, v); });
  for (int i = 0; i < 3; ++i) {
    Arrays expected;
    for (const auto& m : singles) expected.push_back(train(m, x));
    check_near(step(all, x), stack(expected));
  }
  check_near(state(all), stacked_state(singles), 1e-4);
  CHECK(step.entries() == 1);
}
