// Known answers of JAX's threefry bits and permutations, and the splits made from them.
#include "data/order.h"

#include <algorithm>
#include <set>

#include "data/split.h"
#include "helpers.h"

using namespace nnx;

TEST_CASE("threefry2x32 gives the vectors of Random123") {
  CHECK(threefry2x32({0, 0}, 0, 0) == RandomKey{0x6b200159, 0x99ba4efe});
  CHECK(threefry2x32({0xffffffff, 0xffffffff}, 0xffffffff, 0xffffffff) == RandomKey{0x1cb996fc, 0xbb002be7});
  CHECK(threefry2x32({0x13198a2e, 0x03707344}, 0x243f6a88, 0x85a308d3) == RandomKey{0xc4923a9c, 0x483df7a0});
}

TEST_CASE("keys, fold_in, split and bits are those of JAX") {
  const RandomKey zero = random_key(0);
  CHECK(fold_in(zero, 0) == RandomKey{1797259609, 2579123966});
  CHECK(fold_in(zero, 5) == RandomKey{1524306142, 1887795613});
  CHECK(fold_in(random_key(42), 4) == RandomKey{2954079971, 3276725750});
  CHECK(split_key(zero, 3) == RandomKey{2467461003, 3840466878});
  CHECK(random_key(0x123456789abcdef0) == RandomKey{0x12345678, 0x9abcdef0});
  const uint32_t bits[] = {4070199207, 4202968722, 1427181096, 2012915765, 2447653815};
  for (uint64_t i = 0; i < 5; ++i) CHECK(random_bits(zero, i) == bits[i]);
  const uint32_t bits_1701[] = {1111271205, 2679469115, 974515252};
  for (uint64_t i = 0; i < 3; ++i) CHECK(random_bits(random_key(1701), i) == bits_1701[i]);
}

TEST_CASE("permutations are those of jax.random.permutation") {
  Permutation order;
  order.assign(random_key(0), 10);
  CHECK(std::ranges::equal(order.span(), std::vector<uint32_t>{0, 1, 8, 5, 6, 4, 3, 2, 7, 9}));
  order.assign(random_key(42), 8);
  CHECK(std::ranges::equal(order.span(), std::vector<uint32_t>{7, 4, 2, 5, 3, 6, 0, 1}));
  order.assign(random_key(42), 1);
  CHECK(order[0] == 0);
}

TEST_CASE("a permutation of more than one round is the stable sort by the bits of each") {
  constexpr int64_t n = 5000;  // ceil(3 ln 5000 / ln 2^32) = 2 rounds
  RandomKey key = epoch_key(7, 3);
  std::vector<uint32_t> expected(n);
  for (uint32_t i = 0; i < n; ++i) expected[i] = i;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::pair<uint32_t, uint32_t>> items;
    for (uint32_t i = 0; i < n; ++i) items.emplace_back(random_bits(split_key(key, 1), i), expected[i]);
    std::stable_sort(items.begin(), items.end(), [](auto& a, auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < n; ++i) expected[i] = items[i].second;
    key = split_key(key, 0);
  }
  Permutation order;
  order.assign(epoch_key(7, 3), n);
  CHECK(std::ranges::equal(order.span(), expected));
}

TEST_CASE("a split is a partition, in file order, the same for the same seed") {
  const Dataset data = test::numbered_rows(100, 3);
  const RowSplit split = split_rows(data, 0.1, 5);
  REQUIRE(split.validation.rows == 10);
  REQUIRE(split.train.rows == 90);
  std::set<int32_t> seen;
  for (const Dataset* part : {&split.train, &split.validation})
    for (int64_t i = 0; i < part->rows; ++i) {
      seen.insert(part->label(i));
      CHECK(part->feature_row(i)[2] == static_cast<float>(3 * part->label(i) + 2));
      if (i > 0) CHECK(part->label(i - 1) < part->label(i));
    }
  CHECK(seen.size() == 100);
  Permutation order;
  order.assign(fold_in(random_key(5), 0xffffffff), 100);
  for (int64_t i = 0; i < 10; ++i)
    CHECK(std::ranges::count(split.validation.targets->as<int32_t>(), split.validation.targets->as<int32_t>() + 10,
                             order[i]) == 1);
  CHECK(split_rows(data, 0.1, 5).validation.label(0) == split.validation.label(0));
  CHECK(split_rows(data, 0.1, 6).validation.rows == 10);
}

TEST_CASE("splits that make no sense are refused") {
  const test::Folder none;
  const Dataset data = test::numbered_rows(4, 1);
  CHECK(test::error_of(ErrorKind::config, none, [&] { split_rows(data, 1.5, 0); }) ==
        "validation: expected a fraction between 0 and 1, got 1.5");
  CHECK(test::error_of(ErrorKind::config, none, [&] { split_rows(data, 0.1, 0); }) ==
        "validation: a fraction of 0.1 of 4 rows leaves one part empty");
}
