// The order of rows: a pure function of (seed, epoch) and of nothing else.
//
//   Permutation order;
//   order.assign(fold_in(random_key(seed), epoch), rows);
//   order[0];                      // the row that the epoch begins with
//
// It is jax.random.permutation(fold_in(key(seed), epoch), rows), number for number: ceil(3 ln n / ln(2^32 - 1)) rounds
// of a stable sort by 32 random bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/threefry.h"

namespace nnx {

class Permutation {
 public:
  // Allocates only when `count` is larger than ever before. `count` is at most 2^32 - 1.
  void assign(RandomKey key, int64_t count);
  int64_t operator[](int64_t i) const { return order_[static_cast<size_t>(i)]; }
  std::span<const uint32_t> span() const { return order_; }

 private:
  struct Item {
    uint32_t bits, row;
  };
  std::vector<uint32_t> order_;
  std::vector<Item> items_, scratch_;
};

// The key of the order of one epoch. The last 32-bit number is kept for split.h, so epochs end at 2^32 - 2.
inline constexpr int64_t max_epoch = 0xfffffffe;
inline RandomKey epoch_key(uint64_t seed, int64_t epoch) { return fold_in(random_key(seed), static_cast<uint32_t>(epoch)); }
inline RandomKey split_order_key(uint64_t seed) { return fold_in(random_key(seed), 0xffffffffu); }

}  // namespace nnx
