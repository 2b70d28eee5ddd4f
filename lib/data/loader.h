// A Loader hands out batches of a Dataset in an order that is a pure function of (seed, epoch): where it stands is one Cursor,
// and any Cursor can be set at once. A thread of its own gathers batches ahead, where the steps leave a processor idle.
// Where they do not, such a thread would only hold up one of theirs: they gather each batch themselves when it is due.
//
//   Loader loader(train, {.batch_size = 64}, seed);
//   for (int64_t step = 0; step < steps; ++step) {
//     const Batch batch = loader.next();      // batch.x f32 [64, ...], batch.y i32 [64]
//     plan.run(batch.x, batch.y);
//   }
//   save(loader.cursor());                    // of the batch that the following next() returns
//
// Invariants: every batch has the same shape, so that one compiled plan serves them all; rows that fill up a last batch
// (batch_reader.h) have the weight 0. Buffers come from a ring and go back to it when the caller drops the
// Batch, so a steady step allocates none. Whatever the caller still holds is never written: from the fourth batch held
// at once the ring gives the oldest away and allocates another.
//
// One thread at a time calls next(), cursor() and set_cursor(); a Batch is dropped by that thread, or by one that it
// has synchronised with since.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "data/batch_reader.h"

namespace nnx {

struct Batch {
  BufferRef x = {};       // f32 [batch_size, ...feature_shape]
  BufferRef y = {};       // i32 [batch_size], or f32 [batch_size, target_width]
  BufferRef weight = {};  // f32 [batch_size]: 1 for a row of the Dataset, 0 for padding; shared, only read
  int64_t count = 0;      // rows of the Dataset; they come first
  Cursor at = {};
};

// How many batches a Loader gathers ahead.
int64_t batches_ahead(const LoaderOptions& options);

class Loader {
 public:
  // Throws what BatchReader does. The hook is called by the loader's thread, or in next() where there is none.
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

  const Dataset& data() const { return reader_.data(); }
  int64_t batch_size() const { return reader_.batch_size(); }
  int64_t batches_per_epoch() const { return reader_.batches_per_epoch(); }
  int64_t rows_per_epoch() const { return reader_.rows_per_epoch(); }

 private:
  struct Slot {
    BufferRef x, y;
    Cursor at;
  };
  void allocate(Slot& slot) const;
  void reclaim();
  size_t wait_for_batch();
  size_t gather_batch();
  void work();

  BatchReader reader_;  // reads in the loader's thread, if there is one
  int threads_;
  BufferRef full_weight_, last_weight_;
  std::vector<Slot> slots_;

  // Of the caller's thread.
  Cursor cursor_;
  std::vector<size_t> held_;  // slots that callers may still hold, oldest first

  std::mutex mutex_;  // guards what follows
  std::condition_variable work_, ready_changed_;
  std::vector<size_t> free_, ready_;
  Cursor fill_at_;           // what the thread gathers next
  uint64_t generation_ = 0;  // grows with set_cursor: what was begun before it is thrown away
  bool stop_ = false;
  std::exception_ptr error_;

  std::thread thread_;  // none when nothing is gathered ahead; last: it starts when everything else stands
};

}  // namespace nnx
