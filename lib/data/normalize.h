// Normalization is y = (x - shift) * scale on features, a plain value that is saved with the model and applied to every
// later row in the same way.
//
//   const Normalization n = make_normalization({.standardize = true}, train);
//   train = normalized(std::move(train), n);
//   n.apply(one_row_to_predict);
//
// shift and scale hold one number for all features, or one a feature; Normalization{} changes nothing. The arithmetic
// is f64, rounded once to f32.
#pragma once

#include <span>
#include <vector>

#include "base/fields.h"
#include "data/dataset.h"

namespace nnx {

struct NormalizeOptions {
  double scale = 1;
  std::vector<double> mean = {};
  std::vector<double> std = {};
  bool standardize = false;
  bool per_feature = true;

  static void fields(auto& self, auto&& f) {
    f("scale", self.scale, Field{.help = "multiplies every feature, e.g. 0.0625 for pixels from 0 to 16"}.above(0));
    f("mean", self.mean, Field{.help = "subtracted: a list of one number, or of one a feature"});
    f("std", self.std, Field{.help = "divides: a list of one number, or of one a feature"}.above(0));
    f("standardize", self.standardize, Field{.help = "take mean and std from the training rows"});
    f("per_feature", self.per_feature, Field{.help = "standardize each feature by itself, not all by common numbers"});
  }
};

struct Normalization {
  std::vector<double> shift{0};
  std::vector<double> scale{1};
  static void fields(auto& self, auto&& f) {
    f("shift", self.shift, Field{.help = "subtracted from the features first"});
    f("scale", self.scale, Field{.help = "multiplies them then"});
  }
  bool is_identity() const;
  // `rows` is any number of whole rows of `features` numbers each. Throws ErrorKind::shape when neither 1 nor
  // `features` numbers are held, or `rows` is no whole number of rows.
  void apply(std::span<float> rows, int64_t features) const;
};

// With `standardize`, mean and population standard deviation (divided by n, not n - 1) of the features of `train`, in
// f64; a feature that is constant is only centred. Otherwise (x - mean) / std * scale. Throws ErrorKind::config for
// options that contradict each other, a std or scale of zero or less, non-finite numbers, and lists of another length.
Normalization make_normalization(const NormalizeOptions& options, const Dataset& train);

// `data` with its features normalised: in place when nobody else holds them, else in a new Buffer.
Dataset normalized(Dataset data, const Normalization& how);

}  // namespace nnx
