// The loader: order, batches, padding, cursors, the ring of Buffers, and its thread.
#include "data/loader.h"

#include <algorithm>
#include <stdexcept>

#include "helpers.h"
#include "support/allocations.h"

using namespace nnx;

namespace {

std::vector<int32_t> labels_of(const Batch& batch) {
  return {batch.y->as<int32_t>(), batch.y->as<int32_t>() + batch.count};
}

std::vector<std::vector<int32_t>> take(Loader& loader, int64_t batches) {
  std::vector<std::vector<int32_t>> out;
  for (int64_t i = 0; i < batches; ++i) out.push_back(labels_of(loader.next()));
  return out;
}

}  // namespace

TEST_CASE("loader: an epoch is the permutation of JAX for (seed, epoch), features and targets together") {
  Loader loader(test::numbered_rows(10, 3), {.batch_size = 4, .drop_last = false}, 0);
  CHECK(loader.batches_per_epoch() == 3);
  CHECK(loader.rows_per_epoch() == 10);
  for (int64_t epoch = 0; epoch < 12; ++epoch) {  // long enough for every Buffer to be used again
    Permutation order;
    order.assign(fold_in(random_key(0), static_cast<uint32_t>(epoch)), 10);
    for (int64_t b = 0; b < 3; ++b) {
      const Batch batch = loader.next();
      CHECK(batch.at == Cursor{epoch, b});
      CHECK(batch.count == (b < 2 ? 4 : 2));
      CHECK(batch.x->bytes() == 4 * 3 * sizeof(float));
      for (int64_t i = 0; i < 4; ++i) {
        const bool real = i < batch.count;
        const auto row = real ? static_cast<int32_t>(order[4 * b + i]) : 0;
        CHECK(batch.y->as<int32_t>()[i] == row);
        CHECK(batch.weight->as<float>()[i] == (real ? 1.0f : 0.0f));
        for (int64_t k = 0; k < 3; ++k)
          CHECK(batch.x->as<float>()[3 * i + k] == (real ? static_cast<float>(3 * row + k) : 0.0f));
      }
    }
  }
}

TEST_CASE("loader: the known order of seed 0, epoch 0") {
  // jax.random.permutation(jax.random.fold_in(jax.random.key(0), 0), 10), by the algorithm whose answers order_test
  // pins
  Loader loader(test::numbered_rows(10, 1), {.batch_size = 10}, 0);
  Permutation order;
  order.assign({1797259609, 2579123966}, 10);
  CHECK(std::ranges::equal(labels_of(loader.next()), order.span()));
}

TEST_CASE("loader: drop_last leaves the partial batch out, evaluation takes every row in file order") {
  Loader training(test::numbered_rows(10, 1), {.batch_size = 4}, 1);
  CHECK(training.batches_per_epoch() == 2);
  CHECK(training.rows_per_epoch() == 8);
  for (int i = 0; i < 4; ++i) CHECK(training.next().count == 4);
  Loader evaluation(test::numbered_rows(10, 1), evaluation_options(4), 1);
  for (int pass = 0; pass < 2; ++pass) {
    const auto all = take(evaluation, evaluation.batches_per_epoch());
    CHECK(all == std::vector<std::vector<int32_t>>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}});
  }
  Loader large(test::numbered_rows(3, 1), evaluation_options(8), 1);
  CHECK(large.next().count == 3);
}

TEST_CASE("loader: a cursor resumes at any batch with the same batches") {
  const Dataset data = test::numbered_rows(23, 2);
  const LoaderOptions options{.batch_size = 5, .drop_last = false};
  constexpr int64_t total = 15;  // three epochs of five batches
  Loader whole(data, options, 9);
  const auto expected = take(whole, total);
  for (int64_t stop = 0; stop <= total; ++stop) {
    Loader first(data, options, 9);
    auto got = take(first, stop);
    const Cursor at = first.cursor();
    CHECK(at == Cursor{stop / 5, stop % 5});
    Loader second(data, options, 9);
    second.set_cursor(at);
    CHECK(second.cursor() == at);
    const auto more = take(second, total - stop);
    got.insert(got.end(), more.begin(), more.end());
    CHECK(got == expected);
  }
}

TEST_CASE("loader: the cursor may jump while the thread is busy") {
  Loader loader(test::numbered_rows(64, 2), {.batch_size = 4, .prefetch = 2}, 3);
  Loader plain(test::numbered_rows(64, 2), {.batch_size = 4}, 3);
  const auto expected = take(plain, 64);
  for (uint32_t i = 0; i < 300; ++i) {
    const uint32_t at = random_bits(random_key(1), i) % 64;
    loader.set_cursor({at / 16, at % 16});
    CHECK(labels_of(loader.next()) == expected[at]);
  }
}

TEST_CASE("loader: a batch that is gathered when it is due, by several threads, is the one that is gathered ahead") {
  const Dataset data = test::numbered_rows(1000, 200);   // of so many bytes that each thread has some to copy
  Loader due(data, {.batch_size = 300, .drop_last = false, .prefetch = 0, .threads = 3}, 5);
  Loader ahead(data, {.batch_size = 300, .drop_last = false, .prefetch = 2}, 5);
  const auto bytes = [](const BufferRef& buffer) { return std::string(buffer->as<char>(), buffer->bytes()); };
  std::vector<Batch> kept;
  for (int i = 0; i < 20; ++i) {
    if (i == 11) due.set_cursor({0, 3}), ahead.set_cursor({0, 3});
    const Batch a = due.next(), b = ahead.next();
    CHECK(a.at == b.at);
    CHECK(a.count == b.count);
    for (const auto part : {&Batch::x, &Batch::y, &Batch::weight}) CHECK((bytes(a.*part) == bytes(b.*part)));
    if (i % 3 == 0) kept.push_back(a);
  }
  CHECK(labels_of(kept[0]) == labels_of(Loader(data, {.batch_size = 300, .drop_last = false}, 5).next()));
}

TEST_CASE("loader: steady epochs allocate nothing, though the caller holds the last two batches") {
  int64_t prefetch = 0;
  SUBCASE("gathered when due") {}
  SUBCASE("gathered ahead") { prefetch = 8; }
  Loader loader(test::numbered_rows(3000, 4), {.batch_size = 7, .drop_last = false, .prefetch = prefetch}, 2);
  Batch current = loader.next(), previous;
  const int64_t buffers = Buffer::allocations(), all = test::allocations();
  for (int64_t i = 0; i < 3 * loader.batches_per_epoch(); ++i) {
    previous = current;
    current = loader.next();
  }
  CHECK(Buffer::allocations() == buffers);
  CHECK(test::allocations() == all);
  std::vector<Batch> kept;
  for (int i = 0; i < 20; ++i) kept.push_back(loader.next());
  CHECK(Buffer::allocations() > buffers);  // the counter does count
}

TEST_CASE("loader: batches that the caller keeps are never written again") {
  Loader loader(test::numbered_rows(40, 2), {.batch_size = 4, .prefetch = 1}, 2);
  Loader plain(test::numbered_rows(40, 2), {.batch_size = 4}, 2);
  const auto expected = take(plain, 30);
  std::vector<Batch> kept;
  for (int i = 0; i < 30; ++i) kept.push_back(loader.next());
  for (size_t i = 0; i < kept.size(); ++i) CHECK(labels_of(kept[i]) == expected[i]);
}

TEST_CASE("loader: f32 targets of several columns") {
  Dataset data = test::numbered_rows(6, 1);
  data.schema.classes = 0;
  data.schema.target_names = {"s", "t"};
  data.targets = Buffer::allocate(12 * sizeof(float));
  for (int i = 0; i < 12; ++i) data.targets->as<float>()[i] = static_cast<float>(i) / 2;
  Loader loader(data, {.batch_size = 3, .shuffle = false}, 0);
  loader.next();
  const Batch batch = loader.next();
  CHECK(batch.y->bytes() == 6 * sizeof(float));
  for (int i = 0; i < 6; ++i) CHECK(batch.y->as<float>()[i] == static_cast<float>(6 + i) / 2);
}

TEST_CASE("loader: the hook changes rows, and what it throws comes out of next()") {
  int64_t prefetch = 0;
  SUBCASE("gathered when due") {}
  SUBCASE("gathered ahead") { prefetch = 8; }
  Loader loader(test::numbered_rows(8, 1), {.batch_size = 2, .shuffle = false, .prefetch = prefetch}, 0,
                [](Cursor at, int64_t row, std::span<float> features) {
                  if (at.batch == 3) throw std::runtime_error("row " + std::to_string(row));
                  features[0] += 100.0f;
                });
  CHECK(loader.next().x->as<float>()[1] == 101.0f);
  loader.next();
  loader.next();
  CHECK_THROWS_WITH_AS(loader.next(), "row 6", std::runtime_error);
  CHECK_THROWS_WITH_AS(loader.next(), "row 6", std::runtime_error);
}

TEST_CASE("loader: it ends at once, idle, busy, or before the first batch") {
  for (int taken = 0; taken < 40; ++taken) {
    Loader loader(test::numbered_rows(2000, 16), {.batch_size = 32, .prefetch = 1 + taken % 5}, 0);
    take(loader, taken % 4);
  }
}

TEST_CASE("loader: options and cursors out of range") {
  const test::Folder none;
  const auto refusal = [&](const LoaderOptions& o) {
    return test::error_of(ErrorKind::config, none, [&] { Loader(test::numbered_rows(10, 1), o, 0); });
  };
  CHECK(refusal({.batch_size = 0}) == "batch_size: expected a number from 1 to 2147483648, got 0");
  CHECK(refusal({.prefetch = 65}) == "prefetch: expected a number from 0 to 64, got 65");
  CHECK(refusal({.batch_size = 11}) ==
        "batch_size: expected at most the 10 rows there are, got 11; or set drop_last: false");
  Loader loader(test::numbered_rows(10, 1), {.batch_size = 4}, 0);
  CHECK(test::error_of(ErrorKind::data, none, [&] {
          loader.set_cursor({0, 2});
        }) == "data cursor: expected a batch from 0 to 1, got epoch 0, batch 2");
}
