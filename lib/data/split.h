// Splits one set of rows in two, the same way for the same seed.
//
//   auto [train, validation] = split_rows(read_csv(options, folder), 0.1, seed);
//
// The validation rows are the first round(fraction * rows) of jax.random.permutation(fold_in(key(seed), 2^32 - 1),
// rows); both parts keep the order of the file.
#pragma once

#include "data/dataset.h"

namespace nnx {

struct RowSplit {
  Dataset train, validation;
};

// Throws ErrorKind::config when `fraction` is not in (0, 1) or leaves one of the parts without a row.
RowSplit split_rows(const Dataset& data, double fraction, uint64_t seed);

}  // namespace nnx
