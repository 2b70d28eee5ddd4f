// A BatchReader writes any batch of a Dataset into memory it is given. Which rows a batch has is a pure function of
// (seed, epoch): nothing but a Cursor says where it stands, and batches may be asked for in any order.
//
//   BatchReader reader(train, {.batch_size = 64}, seed);
//   for (Cursor at; at.epoch < 10; at = reader.after(at)) reader.read(at, x, y);
//
// Every batch has the same size: a last batch of fewer rows is filled up with rows of zeros. loader.h reads ahead.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/fields.h"
#include "data/dataset.h"
#include "data/order.h"

namespace nnx {

struct LoaderOptions {
  int64_t batch_size = 32;
  bool shuffle = true;
  bool drop_last = true;
  std::optional<int64_t> prefetch = {};
  int threads = 1;   // that compute the steps

  static void fields(auto& self, auto&& f) {
    f("batch_size", self.batch_size, Field{.help = "rows in a batch"}.at_least(1));
    f("shuffle", self.shuffle, Field{.help = "a new order each epoch; otherwise that of the file"});
    f("drop_last", self.drop_last, Field{.help = "leave out the rows at the end of an epoch that fill no batch"});
    f("prefetch", self.prefetch,
      Field{.help = "batches gathered ahead by a thread of its own; 0: none, the threads of the step gather each when it is due; "
                    "null: 8 where the step leaves a processor idle, else 0"}.at_least(0).at_most(64));
  }
};

// The options of an evaluation: every row, once, in the order of the file.
LoaderOptions evaluation_options(int64_t batch_size, int threads = 1);

struct Cursor {
  int64_t epoch = 0;
  int64_t batch = 0;  // within the epoch
  static void fields(auto& self, auto&& f) {
    f("epoch", self.epoch);
    f("batch", self.batch);
  }
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// Changes a gathered row in place, e.g. augmentation. To be reproducible it must depend on nothing but its arguments.
using RowHook = std::function<void(Cursor at, int64_t row, std::span<float> features)>;

class BatchReader {
 public:
  // Throws ErrorKind::config when the options are out of range or leave an epoch without a batch.
  BatchReader(Dataset data, const LoaderOptions& options, uint64_t seed, RowHook hook = {});

  // x: batch_size rows of features; y: as many targets. One call at a time; up to `threads` copy, but one where there is a hook.
  void read(Cursor at, void* x, void* y, int threads = 1);

  const Dataset& data() const { return data_; }
  int64_t batch_size() const { return options_.batch_size; }
  int64_t batches_per_epoch() const { return batches_; }
  int64_t rows_per_epoch() const;               // rows that count: those of all batches without padding
  int64_t count_of(int64_t batch) const;        // rows of the Dataset in it; they come first
  Cursor after(Cursor at) const;                // after the last batch of an epoch the next epoch begins
  size_t x_bytes() const, y_bytes() const;      // of a batch

 private:
  void copy_rows(Cursor at, int64_t begin, int64_t end, char* x, char* y) const;

  Dataset data_;
  LoaderOptions options_;
  uint64_t seed_;
  RowHook hook_;
  int64_t batches_ = 0;
  Permutation order_;
  int64_t order_epoch_ = -1;
};

}  // namespace nnx
