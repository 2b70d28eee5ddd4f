#include "data/order.h"

#include <array>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace nnx {
namespace {

// One stable pass of a radix sort by 11 bits of the key.
template <class Item> void radix_pass(const std::vector<Item>& from, std::vector<Item>& to, int shift) {
  constexpr uint32_t mask = 2047;
  std::array<uint32_t, mask + 1> begin{};
  for (const Item& item : from) ++begin[item.bits >> shift & mask];
  std::exclusive_scan(begin.begin(), begin.end(), begin.begin(), 0u);
  for (const Item& item : from) to[begin[item.bits >> shift & mask]++] = item;
}

}  // namespace

void Permutation::assign(RandomKey key, int64_t count) {
  check(count >= 0 && count <= int64_t{0xffffffff}, "a permutation has at most 2^32 - 1 rows");
  const auto n = static_cast<size_t>(count);
  order_.resize(n);
  items_.resize(n);
  scratch_.resize(n);
  std::iota(order_.begin(), order_.end(), 0u);
  const double rounds = std::ceil(3 * std::log(std::fmax(1, static_cast<double>(n))) / std::log(4294967295.0));
  for (int round = 0; round < static_cast<int>(rounds); ++round) {
    const RandomKey sort_key = split_key(key, 1);
    key = split_key(key, 0);
    for (size_t i = 0; i < n; ++i) items_[i] = {random_bits(sort_key, i), order_[i]};
    for (const int shift : {0, 11, 22}) {
      radix_pass(items_, scratch_, shift);
      items_.swap(scratch_);
    }
    for (size_t i = 0; i < n; ++i) order_[i] = items_[i].row;
  }
}

}  // namespace nnx
