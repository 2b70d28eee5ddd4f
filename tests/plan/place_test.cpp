#include <doctest/doctest.h>

#include <algorithm>

#include "plan/passes.h"
#include "random_graphs.h"

namespace nnx {
namespace {

TEST_CASE("no two blocks that live at the same time overlap") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    test::Dice dice(seed);
    std::vector<plan::Block> blocks;
    for (int64_t i = dice.below(60); i-- > 0;) {
      const int first = static_cast<int>(dice.below(40));
      blocks.push_back({static_cast<size_t>(dice.below(5) == 0 ? 0 : dice.below(5000)), first,
                        first + static_cast<int>(dice.below(10))});
    }
    const plan::Placement p = plan::place(blocks);
    size_t most = 0;
    for (int step = 0; step < 60; ++step) {
      size_t live = 0;
      for (const plan::Block& b : blocks) live += b.first <= step && step <= b.last ? b.bytes : 0;
      most = std::max(most, live);
    }
    CHECK(p.live_bytes == most);
    for (size_t i = 0; i < blocks.size(); ++i) {
      CHECK(p.offsets[i] % 64 == 0);
      CHECK(p.offsets[i] + blocks[i].bytes <= p.bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool together = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
        const bool apart =
            p.offsets[i] + blocks[i].bytes <= p.offsets[j] || p.offsets[j] + blocks[j].bytes <= p.offsets[i];
        if (together && blocks[i].bytes > 0 && blocks[j].bytes > 0) REQUIRE(apart);
      }
    }
  }
}

TEST_CASE("blocks that do not meet share memory") {
  CHECK(plan::place({{64, 0, 1}, {64, 2, 3}}).bytes == 64);
  CHECK(plan::place({{64, 0, 2}, {64, 2, 3}}).bytes == 128);
  CHECK(plan::place({}).bytes == 0);
}

}  // namespace
}  // namespace nnx
