// What a picture of an Array needs: a grid of some of its elements, its summary and its histogram.
//
//   const ArraySample s = sample(kernel, 2'000);   // of f32[784,512]: every 16th row, every 16th column
//   s.shape -> {49, 32}, s.steps -> {16, 16}, s.values.size() -> 1568
//
// The cells are elements of the Array, those at multiples of `steps`. A cell is NaN where any element of its block is not
// finite, so that no such element is overlooked.
#pragma once

#include <array>
#include <vector>

#include "nnx/summary.h"

namespace nnx {

struct ArraySample {
  std::vector<int64_t> shape = {}, steps = {};  // cells and elements a cell, by axis
  std::vector<double> values = {};              // row-major
  ArraySummary summary = {};
  std::array<int64_t, 24> histogram = {};  // of the finite elements, between the summary's min and max
};

// `array` must be concrete; at most `cells` (at least 1) cells.
ArraySample sample(const Array& array, int64_t cells);

}  // namespace nnx
