// The op test table: for every op a row of samples, from which the laws of laws_test.cpp (and tests/plan) are
// generated.
//
// A sample is attributes and inputs to generate; its floating type is the caller's, so that gradients are checked in
// f64 and kernels in f32. To add an op, add its row to the list of its family in cases.cpp.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/op.h"

namespace nnx::test {

// Values are spread over [low, high]: floating ones on a shuffled lattice, so that no two are close (kinks of maximum
// and sort stay away) and multiples of half the range are not hit; integers are drawn with both ends included.
struct Input {
  Type type;
  double low = -2, high = 2;
};

struct Sample {
  std::vector<Input> inputs;
  Attrs attrs = {};
  std::vector<std::pair<std::string, Attrs>> perturbed = {};  // by field: the attributes with that field changed
  size_t members = 0;  // of the attributes' struct, counted by the language and not by `fields`
  double step = 1e-5;  // of the central differences
};

struct Row {
  std::string op;
  std::vector<Sample> samples = {};
  bool stops_gradient = false;  // the gradient is zero by definition, whatever the values do
};

// All rows, with `real` (f32 or f64) wherever a sample is floating.
std::vector<Row> rows(DType real);

// Concrete inputs of a sample; other seeds give other values.
Arrays make_inputs(const Sample& sample, uint64_t seed);

// An Array of `type` with values of `input`'s kind.
Array make_array(const Input& input, uint64_t seed, size_t position = 0);

// Elements as doubles, whatever the type.
std::vector<double> to_doubles(const Array& a);

// Concrete Arrays of one type stacked on a new axis 0.
Array stack_arrays(const Arrays& arrays);

// "" when types are equal and floats agree within tolerance * (1 + largest |b|), other types exactly; else what
// differs. NaNs and infinities must be the same.
std::string difference(const Array& a, const Array& b, double tolerance);

std::string to_string(const Row& row, const Sample& sample);

}  // namespace nnx::test
