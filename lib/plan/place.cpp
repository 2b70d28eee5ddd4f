#include <algorithm>
#include <functional>
#include <numeric>

#include "plan/passes.h"

namespace nnx::plan {
namespace {

constexpr size_t alignment = 64;

size_t live_maximum(const std::vector<Block>& blocks) {
  // At the first step of some block the sum is largest: sums only fall elsewhere.
  std::vector<std::pair<int, int64_t>> events;
  for (const Block& b : blocks) {
    events.emplace_back(2 * b.first, static_cast<int64_t>(b.bytes));
    events.emplace_back(2 * b.last + 1, -static_cast<int64_t>(b.bytes));
  }
  std::ranges::sort(events, {}, [](const auto& e) { return e.first; });
  int64_t live = 0, most = 0;
  for (const auto& [time, change] : events) most = std::max(most, live += change);
  return static_cast<size_t>(most);
}

}  // namespace

// Greedy by size: each block goes to the lowest gap among the already placed blocks it lives with.
Placement place(const std::vector<Block>& blocks) {
  std::vector<size_t> by_size(blocks.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::ranges::stable_sort(by_size, std::greater{}, [&](size_t i) { return blocks[i].bytes; });

  Placement result{.offsets = std::vector<size_t>(blocks.size(), 0), .live_bytes = live_maximum(blocks)};
  std::vector<size_t> placed;  // ascending offsets
  for (const size_t i : by_size) {
    if (blocks[i].bytes == 0) continue;
    const size_t size = (blocks[i].bytes + alignment - 1) / alignment * alignment;
    size_t offset = 0;
    for (const size_t other : placed) {
      const bool together = blocks[other].first <= blocks[i].last && blocks[i].first <= blocks[other].last;
      if (!together) continue;
      if (result.offsets[other] >= offset + size) break;
      offset = std::max(offset, (result.offsets[other] + blocks[other].bytes + alignment - 1) / alignment * alignment);
    }
    result.offsets[i] = offset;
    result.bytes = std::max(result.bytes, offset + size);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [&](size_t p) { return result.offsets[p]; }), i);
  }
  return result;
}

}  // namespace nnx::plan
