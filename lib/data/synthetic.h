// The synthetic reader: rows made from a seed, for benchmarks and tests that should need no file.
//
//   data:
//     train: {type: synthetic, rows: 4096, features: 784, classes: 10}
//     test:  {type: synthetic, rows: 1024, features: 784, classes: 10, first_row: 4096}
//
// Row i is a function of (seed, i) alone, on every machine: two sets with one seed are cuts of one endless table.
// Features are uniform in [0, 1). A fixed random linear map of the centred features gives the targets, or the label as
// its largest output, so that a model can learn them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fields.h"
#include "data/dataset.h"

namespace nnx {

struct SyntheticOptions {
  int64_t rows = 0;
  int64_t features = 0;
  int64_t classes = 0;
  int64_t targets = 0;
  int64_t first_row = 0;
  uint64_t seed = 0;
  std::vector<int64_t> shape = {};

  static void fields(auto& self, auto&& f) {
    f("rows", self.rows, Field{.help = "how many rows"}.at_least(1).at_most(1 << 28).must());
    f("features", self.features, Field{.help = "numbers in a row"}.at_least(1).must());
    f("classes", self.classes,
      Field{.help = "labels in [0, classes), for classification"}.at_least(0).at_most(1 << 20));
    f("targets", self.targets, Field{.help = "target numbers a row, for regression"}.at_least(0).at_most(1 << 20));
    f("first_row", self.first_row,
      Field{.help = "where in the endless table to begin"}.at_least(0).at_most(int64_t{1} << 40));
    f("seed", self.seed, Field{.help = "which table: features and the map to targets follow from it"});
    f("shape", self.shape, Field{.help = "the shape of one row of features; default: [features]"}.at_least(1));
  }
};

// Throws ErrorKind::config unless exactly one of classes and targets is given, for more than 2^33 numbers, and where
// the table differs from `like`, the schema of the training set.
Dataset make_synthetic(const SyntheticOptions& options, const DataSchema* like = nullptr);

}  // namespace nnx
