// scan = the unrolled loop, on objects: values, gradients and state.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

namespace {

Array column(std::initializer_list<float> values) { return array<float>(values, {static_cast<int64_t>(values.size())}); }

Ref<Block> layers_of(int64_t n, Rngs& rngs) {
  if (n > 0) {
    std::vector<Ref<Block>> singles;
    for (int64_t i = 0; i < n; ++i) singles.push_back(make<Block>(3, rngs));
    return stacked(singles);
  }
  const auto one = make<Block>(3, rngs);
  return merge<Block>(graphdef(one), state(one).map([](const Path&, const Array& x) { return zeros(x.shape().inserted(0, 0), x.dtype()); }));
}

// The oracle: layers applied one after the other, their state put back where it came from.
Array unrolled(const Ref<Block>& layers, Array x, int64_t n, bool reverse = false) {
  std::vector<Ref<Block>> singles;
  for (int64_t i = 0; i < n; ++i) singles.push_back(lane(layers, i));
  for (int64_t i = 0; i < n; ++i) x = (*singles[static_cast<size_t>(reverse ? n - 1 - i : i)])(x);
  if (n > 0) update(layers, stacked_state(singles));
  return x;
}

}  // namespace

TEST_CASE("census 27: cumulative sums, along axes") {
  const auto sums = [](Array sum, Array x) { return std::pair(sum + x, sum + x); };
  const auto [total, all] = scan(sums)(zeros({}), column({0, 1, 2, 3, 4}));
  CHECK(total.item<float>() == 10);
  CHECK(floats(all) == std::vector<float>{0, 1, 3, 6, 10});
  const Array x = array<float>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {2, 5});
  const auto [both, rows] = scan(sums, {.in_axes = {Carry, 1}, .out_axes = {Carry, 1}})(zeros({2}), x);
  CHECK(floats(both) == std::vector<float>{10, 35});
  CHECK(floats(rows) == std::vector<float>{0, 1, 3, 6, 10, 5, 11, 18, 26, 35});
  const auto [same, columns] = scan(sums, {.in_axes = {Carry, 1}, .out_axes = {Carry, 0}})(zeros({2}), x);
  CHECK(columns.shape() == Shape{5, 2});
  CHECK(floats(columns) == floats(transpose(rows)));
}

TEST_CASE("census 28, 29: a broadcast argument, and a carry alone with a length") {
  const auto scaled = scan([](Array sum, Array x, Array scale) { return sum + x * scale; }, {.in_axes = {Carry, 0, no_axis}, .out_axes = {Carry}});
  CHECK(scaled(zeros({}), column({0, 1, 2, 3, 4}), scalar(2.0f)).item<float>() == 20);
  CHECK(scan([](Array n) { return n + 1; }, {.length = 5, .in_axes = {Carry}, .out_axes = {Carry}})(zeros({})).item<float>() == 5);
}

TEST_CASE("census 30: axes that do not fit are named") {
  const auto f = [](Array c, Array x) { return std::pair(c + x, x); };
  const Array c = zeros({}), x = column({1, 2});
  const auto message = [&](ScanOptions options) { return error_of([&] { scan(f, options)(c, x); }); };
  CHECK(message({.in_axes = {each({Carry}), 0}, .out_axes = {Carry, 0}}).find("Carry must be a top-level argument, it cannot be nested") != std::string::npos);
  CHECK(message({.in_axes = {Carry, Carry}, .out_axes = {Carry, 0}}).find("Found multiple Carry definitions in in_axes") != std::string::npos);
  CHECK(message({.in_axes = {Carry, 0}, .out_axes = {0, 0}}).find("If one of in_axes or out_axes has Carry, the other must also have Carry") != std::string::npos);
  CHECK(message({.in_axes = {0, 0}, .out_axes = {Carry, 0}}).find("If one of in_axes or out_axes has Carry, the other must also have Carry") != std::string::npos);
  CHECK(message({.in_axes = {Carry, 0}, .out_axes = {Carry, no_axis}}).find("Cannot broadcast output state") != std::string::npos);
  CHECK(message({.in_axes = {Carry, 0}, .out_axes = {Carry, StateAxes{{rest, Carry}}}}).find("Cannot carry output state") != std::string::npos);
  CHECK(message({.in_axes = {Carry}, .out_axes = {Carry, 0}}) ==
        "scan: When in_axes=Carry, the function must take exactly one argument, got 2 arguments");
}

TEST_CASE("scan over layers is the unrolled loop: lengths, directions, unrolling") {
  for (const int64_t n : {0, 1, 2, 7})
    for (const bool reverse : {false, true})
      for (const int64_t unroll : {1, 3}) {
        CAPTURE(n);
        CAPTURE(reverse);
        CAPTURE(unroll);
        Rngs rngs(7);
        const Ref<Block> layers = layers_of(n, rngs), oracle = clone(layers);
        const Array x = random::normal(rngs(), {2, 3});
        const auto forward = scan([](Array v, Ref<Block> layer) { return (*layer)(v); }, {.reverse = reverse, .unroll = unroll});
        for (int call = 0; call < 2; ++call) {
          check_near(forward(x, layers), unrolled(oracle, x, n, reverse));
          check_near(state(layers), state(oracle));
        }
      }
}

TEST_CASE("gradients through scan are those of the unrolled loop") {
  for (const int64_t n : {0, 1, 2, 7})
    for (const bool reverse : {false, true}) {
      CAPTURE(n);
      CAPTURE(reverse);
      Rngs rngs(8);
      const Ref<Block> layers = layers_of(n, rngs), oracle = clone(layers);
      const Array x = random::normal(rngs(), {2, 3});
      const auto forward = scan([](Array v, Ref<Block> layer) { return (*layer)(v); }, {.reverse = reverse});
      auto [loss, grads] = value_and_grad<0, 1>([&](Ref<Block> m, Array v) { return sum(square(forward(v, m))); })(layers, x);
      auto [loss2, grads2] = value_and_grad<0, 1>([&](Ref<Block> m, Array v) { return sum(square(unrolled(m, v, n, reverse))); })(oracle, x);
      check_near(loss, loss2);
      check_near(std::get<0>(grads), std::get<0>(grads2), 1e-4);
      check_near(std::get<1>(grads), std::get<1>(grads2), 1e-4);
      check_near(state(layers), state(oracle));
    }
}

TEST_CASE("census 31: blocks made by scan with split streams") {
  const auto rngs = make<Rngs>(0);
  const auto create = split_rngs(scan([](Ref<Rngs> r) { return make<Linear>(3, 3, *r); }, {.length = 5, .in_axes = {0}}), {.splits = {5}});
  const Ref<Linear> blocks = create(rngs);
  CHECK(blocks->w.shape() == Shape{5, 3, 3});
  CHECK(blocks->b.shape() == Shape{5, 3});
  CHECK(rngs->stream("default")->count.get().item<uint32_t>() == 1);
  CHECK(floats(index_axis(blocks->w, 0, 0)) != floats(index_axis(blocks->w, 0, 1)));
  // Unsplit, it splits by itself, to the same.
  const auto again = make<Rngs>(0);
  check_near(state(scan([](Ref<Rngs> r) { return make<Linear>(3, 3, *r); }, {.length = 5, .in_axes = {0}})(again)), state(blocks));
  CHECK(again->stream("default")->count.get().item<uint32_t>() == 1);
}

TEST_CASE("census 32: parameters from split keys, dropout from one key for every iteration") {
  const auto rngs = make<Rngs>(std::map<std::string, uint64_t>{{"params", 0}, {"dropout", 1}});
  const auto keys = scan([](Ref<Rngs> r) {
    const Array params = r->params();
    return std::pair(params, r->dropout());
  }, {.length = 3, .in_axes = {StateAxes{{tag("params"), 0}, {rest, no_axis}}}});
  const auto [params, dropout] = keys(rngs);
  const auto p = params.to_vector<uint32_t>(), d = dropout.to_vector<uint32_t>();
  CHECK(std::vector(p.begin(), p.begin() + 2) != std::vector(p.begin() + 2, p.begin() + 4));
  CHECK(std::vector(d.begin(), d.begin() + 2) == std::vector(d.begin() + 2, d.begin() + 4));
  CHECK(rngs->stream("params")->count.get().item<uint32_t>() == 1);
  CHECK(rngs->stream("dropout")->count.get().item<uint32_t>() == 1);
}

TEST_CASE("a carried module, and partitions of its state") {
  Rngs rngs(9);
  const auto block = make<Block>(3, rngs), oracle = clone(block);
  const Array x = random::normal(rngs(), {4, 2, 3});
  const auto run = scan([](Ref<Block> m, Array v) { return std::pair(m, (*m)(v)); });
  const auto [same, ys] = run(block, x);
  CHECK(same == block);
  Arrays expected;
  for (int64_t i = 0; i < 4; ++i) expected.push_back((*oracle)(index_axis(x, 0, i)));
  check_near(ys, stack(expected));
  check_near(state(block), state(oracle));

  // Parameters for every iteration, everything else from one to the next.
  const StateAxes axes{{of<Param>, no_axis}, {rest, Carry}};
  const Array more = scan([](Ref<Block> m, Array v) { return (*m)(v); }, {.in_axes = {axes, 0}, .out_axes = {0}})(block, x);
  expected.clear();
  for (int64_t i = 0; i < 4; ++i) expected.push_back((*oracle)(index_axis(x, 0, i)));
  check_near(more, stack(expected));
  check_near(state(block), state(oracle));
}

TEST_CASE("what a loop cannot do is refused with the path") {
  Rngs rngs(10);
  const Ref<Block> layers = layers_of(2, rngs);
  const auto one = make<Block>(3, rngs);
  const Array x = zeros({2, 3});
  CHECK(error_of([&] { scan([](Array v, Ref<Block>) { return sum(v); })(x, layers); }) ==
        "scan: the carry must keep its type, but argument 0 changes from f32[2,3] to f32[]");
  CHECK(error_of([&] { scan([](Array v, Ref<Block> m) { m->w = Param(v); return v; })(x, layers); })
            .starts_with("scan: the structure of its arguments must be the same after every iteration, but the function changes 'w' of argument 1"));
  CHECK(error_of([&] { scan([](Array v, Ref<Block> m) { return (*m)(v); }, {.length = 2, .in_axes = {Carry, no_axis}})(x, one); }) ==
        "scan: 'mean' of argument 1 is broadcast (no axis) and so may not be changed by the function; give it an axis, or Carry");
  CHECK(error_of([&] { scan([](Ref<Block> m) { return clone(m); }, {.length = 2, .in_axes = {Carry}})(one); })
            .find("Carry references must be the same between iterations: argument 0 is another object") != std::string::npos);
}
