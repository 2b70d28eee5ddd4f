// What can be said about an Array in one line, and numbers as people read them: for display, tables and inspection.
//
//   summarize(w).to_string();     // "mean 1.2e-05 std 0.0357 min -0.0801 max 0.08"
//   byte_text(2'680'000);         // "2.7 MB"
//   grouped(401920);              // "401,920"
#pragma once

#include <functional>
#include <string>

#include "graph/array.h"

namespace nnx {

// Of the finite elements; a boolean counts as 0 or 1. With no finite element all four numbers are 0.
struct ArraySummary {
  int64_t elements = 0, non_finite = 0;
  double mean = 0, std = 0, min = 0, max = 0;  // std of the elements themselves: divided by their number
  std::string to_string() const;               // an Array without elements is "empty"
};

// `array` must be concrete. Two passes in f64: the mean first, then the deviations from it.
ArraySummary summarize(const Array& array);
std::string describe_values(const Array& array);  // "[0.5, -1]" for up to six values, else the summary
// Each element in row-major order; `array` must be concrete.
void for_each_value(const Array& array, const std::function<void(double)>& f);
// "0.5": as few digits as tell an element of this dtype from its neighbours.
std::string value_text(double value, DType dtype);

std::string grouped(int64_t number);  // thousands separated by commas
std::string byte_text(size_t bytes);  // decimal units: above 1e9 GB, 1e6 MB, 1e3 KB with one decimal, else B

}  // namespace nnx
