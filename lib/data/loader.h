// A Loader hands out batches of a Dataset, gathered ahead of time by a thread of its own, in an order that is a pure
// function of (seed, epoch): where it stands is one Cursor, and any Cursor can be set at once.
//
//   Loader loader(train, {.batch_size = 64}, seed);
//   for (int64_t step = 0; step < steps; ++step) {
//     const Batch batch = loader.next();      // batch.x f32 [64, ...], batch.y i32 [64]
//     plan.run(batch.x, batch.y);
//   }
//   save(loader.cursor());                    // of the batch that the following next() returns
//
// Invariants: every batch has the same shape, so that one compiled plan serves them all; a last batch of fewer rows is
// filled up with rows of zeros whose weight is 0. Buffers come from a ring and go back to it when the caller drops the
// Batch, so a steady step allocates none. Whatever the caller still holds is never written: from the fourth batch held
// at once the ring gives the oldest away and allocates another.
//
// One thread at a time calls next(), cursor() and set_cursor(); a Batch is dropped by that thread, or by one that it
// has synchronised with since.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/fields.h"
#include "data/dataset.h"
#include "data/order.h"

namespace nnx {

struct LoaderOptions {
  int64_t batch_size = 32;
  bool shuffle = true;
  bool drop_last = true;
  int64_t prefetch = 8;

  static void fields(auto& self, auto&& f) {
    f("batch_size", self.batch_size, Field{.help = "rows in a batch"}.at_least(1));
    f("shuffle", self.shuffle, Field{.help = "a new order each epoch; otherwise that of the file"});
    f("drop_last", self.drop_last, Field{.help = "leave out the rows at the end of an epoch that fill no batch"});
    f("prefetch", self.prefetch, Field{.help = "batches gathered ahead"}.at_least(1).at_most(64));
  }
};

// The options of an evaluation: every row, once, in the order of the file.
LoaderOptions evaluation_options(int64_t batch_size);

struct Cursor {
  int64_t epoch = 0;
  int64_t batch = 0;  // within the epoch
  static void fields(auto& self, auto&& f) {
    f("epoch", self.epoch);
    f("batch", self.batch);
  }
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

struct Batch {
  BufferRef x = {};       // f32 [batch_size, ...feature_shape]
  BufferRef y = {};       // i32 [batch_size], or f32 [batch_size, target_width]
  BufferRef weight = {};  // f32 [batch_size]: 1 for a row of the Dataset, 0 for padding; shared, only read
  int64_t count = 0;      // rows of the Dataset; they come first
  Cursor at = {};
};

// Changes a gathered row in place, e.g. augmentation; called by the loader's thread. To be reproducible it must depend
// on nothing but its arguments.
using RowHook = std::function<void(Cursor at, int64_t row, std::span<float> features)>;

class Loader {
 public:
  // Throws ErrorKind::config when the options are out of range or leave an epoch without a batch.
  Loader(Dataset data, const LoaderOptions& options, uint64_t seed, RowHook hook = {});
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The batch at the cursor, which moves on; after the last one of an epoch the next epoch begins. Rethrows what the
  // loader's thread has thrown.
  Batch next();
  Cursor cursor() const { return cursor_; }
  // Throws ErrorKind::data when there is no such batch.
  void set_cursor(Cursor at);

  const Dataset& data() const { return data_; }
  int64_t batch_size() const { return options_.batch_size; }
  int64_t batches_per_epoch() const { return batches_; }
  int64_t rows_per_epoch() const;  // rows that count: those of all batches without padding

 private:
  struct Slot {
    BufferRef x, y;
    Cursor at;
  };
  void allocate(Slot& slot) const;
  void reclaim();
  Cursor after(Cursor at) const;
  int64_t count_of(int64_t batch) const;
  void work();
  void fill(Slot& slot, Cursor at);

  const Dataset data_;
  const LoaderOptions options_;
  const uint64_t seed_;
  const RowHook hook_;
  int64_t batches_ = 0;
  BufferRef full_weight_, last_weight_;
  std::vector<Slot> slots_;

  // Of the caller's thread.
  Cursor cursor_;
  std::vector<size_t> held_;  // slots that callers may still hold, oldest first

  // Of the loader's thread.
  Permutation order_;
  int64_t order_epoch_ = -1;

  std::mutex mutex_;  // guards what follows
  std::condition_variable work_, ready_changed_;
  std::vector<size_t> free_, ready_;
  Cursor fill_at_;           // what the thread gathers next
  uint64_t generation_ = 0;  // grows with set_cursor: what was begun before it is thrown away
  bool stop_ = false;
  std::exception_ptr error_;

  std::thread thread_;  // last: it starts when everything else stands
};

}  // namespace nnx
