// Lanes: what each object does alone, a block of them does together, and what is the same in all is held once.
#include "nnx/lane_function.h"

#include <algorithm>
#include <array>

#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

namespace {

// A step that draws, counts, keeps statistics, and changes the weights by what it has drawn.
Array drift(Ref<Block> m, Array x) {
  const Array y = (*m)(x);
  m->w.set(m->w.get() - m->keep.array() * 0.01 * mean(y));
  return sum(y);
}

struct Fixture {
  std::vector<Ref<Block>> together, alone;
  std::vector<size_t> members;
  std::optional<Lanes> lanes;
  std::optional<LaneFunction> step;

  explicit Fixture(std::vector<Ref<Block>> blocks) : alone(std::move(blocks)) {
    std::vector<Roots> roots;
    for (size_t i = 0; i < alone.size(); ++i) {
      together.push_back(clone(alone[i]));
      roots.push_back(roots_of(together[i]));
      members.push_back(i);
    }
    lanes.emplace(roots);
    step = lane_function(*lanes, drift, std::tuple(together[0], zeros({2, 4})));
  }

  size_t cell_of(const std::string& path) const {
    Leaves leaves;
    Signature::record(roots_of(together[0]), leaves);
    const auto found = std::ranges::find(leaves.cell_paths, path, [](const Path& p) { return to_string(p); });
    REQUIRE(found != leaves.cell_paths.end());
    return static_cast<size_t>(found - leaves.cell_paths.begin());
  }
  std::vector<std::string> stacked(const LaneLayout& layout) const {
    std::vector<std::string> names;
    for (const char* name : {"w", "b", "mean", "count", "noise.key", "noise.count"})
      if (layout.cells[cell_of("0." + std::string(name))]) names.push_back(name);
    return names;
  }

  // Three steps of all, with x the same for all or one of each.
  void check_steps(const LaneLayout& layout, bool own_x) {
    LaneBlock block(*lanes, members, layout);
    LanePlan plan = step->compile(layout, {own_x}, members.size(), {.threads = 1});
    const auto one = jit(drift);
    for (int s = 0; s < 3; ++s) {
      std::vector<float> rows;
      Arrays xs;
      for (size_t i = 0; i < (own_x ? members.size() : 1); ++i) {
        xs.push_back(random::normal(random::key(static_cast<uint64_t>(s) * 10 + i), {2, 4}));
        const std::vector<float> values = floats(xs.back());
        rows.insert(rows.end(), values.begin(), values.end());
      }
      BufferRef x = Buffer::allocate(rows.size() * sizeof(float));
      std::ranges::copy(rows, x->as<float>());
      const std::array<BufferRef*, 1> arrays{&x};
      plan.run(block, arrays);
      for (size_t i = 0; i < members.size(); ++i) {
        const float expected = one(alone[i], xs[own_x ? i : 0]).item<float>();
        CHECK(plan.result(0)->as<float>()[i] == doctest::Approx(expected).epsilon(1e-5));
      }
    }
    for (size_t i = 0; i < members.size(); ++i) {
      block.store(i);
      CAPTURE(i);
      check_near(state(together[i]), state(alone[i]));
    }
  }

  using Leaves = detail::Leaves;
  using Signature = detail::Signature;
};

Ref<Block> block_of(uint64_t seed, double keep) {
  Rngs rngs(seed);
  const auto block = make<Block>(4, rngs);
  block->keep = keep;
  return block;
}

}  // namespace

TEST_CASE("lanes of different seeds have everything for themselves but what counts steps") {
  Fixture f({block_of(1, 0.8), block_of(2, 0.8), block_of(3, 0.8)});
  const LaneLayout layout = f.step->settle(f.lanes->layout(f.members), {true});
  CHECK(f.stacked(layout) == std::vector<std::string>{"w", "b", "mean", "noise.key"});
  CHECK(layout.numbers == std::vector<bool>{false});
  f.check_steps(layout, true);
}

TEST_CASE("lanes of one seed draw one mask, and what comes to differ is stacked from the start") {
  Fixture f({block_of(1, 0.8), block_of(1, 0.5), block_of(1, 0.3)});
  const LaneLayout now = f.lanes->layout(f.members);
  CHECK(f.stacked(now).empty());
  CHECK(now.numbers == std::vector<bool>{true});
  const LaneLayout layout = f.step->settle(now, {false});
  CHECK(f.stacked(layout) == std::vector<std::string>{"w", "mean"});   // b never changes
  f.check_steps(layout, false);
}

TEST_CASE("lanes that differ in nothing are one computation, and rows of their own set them apart") {
  Fixture f({block_of(1, 0.8), block_of(1, 0.8)});
  const LaneLayout layout = f.step->settle(f.lanes->layout(f.members), {false});
  CHECK(f.stacked(layout).empty());
  f.check_steps(layout, false);

  Fixture g({block_of(1, 0.8), block_of(1, 0.8)});
  const LaneLayout apart = g.step->settle(g.lanes->layout(g.members), {true});
  CHECK(g.stacked(apart) == std::vector<std::string>{"w", "mean"});
  g.check_steps(apart, true);
}

TEST_CASE("a block of some lanes leaves the others alone, and what it shares is not what the objects hold") {
  Fixture f({block_of(1, 0.8), block_of(2, 0.8), block_of(1, 0.5)});
  const State before = state(f.together[1]);
  f.members = {0, 2};
  const LaneLayout layout = f.step->settle(f.lanes->layout(f.members), {false});
  CHECK(f.stacked(layout) == std::vector<std::string>{"w", "mean"});
  const Array count = f.together[0]->count.get();
  LaneBlock block(*f.lanes, f.members, layout);
  LanePlan plan = f.step->compile(layout, {false}, 2, {.threads = 1});
  BufferRef x = Buffer::allocate(8 * sizeof(float));
  std::ranges::fill_n(x->as<float>(), 8, 0.5f);
  const std::array<BufferRef*, 1> arrays{&x};
  plan.run(block, arrays);
  CHECK(count.item<int32_t>() == 0);   // until it is stored
  CHECK(f.together[0]->count.get().item<int32_t>() == 0);
  block.store(1);
  CHECK(f.together[0]->count.get().item<int32_t>() == 0);
  CHECK(f.together[2]->count.get().item<int32_t>() == 1);
  plan.run(block, arrays);
  CHECK(f.together[2]->count.get().item<int32_t>() == 1);
  check_near(state(f.together[1]), before);
}
