// A Dataset holds the rows of a training, validation or test set in memory: features, targets, and what they mean.
//
// Features are one f32 row-major matrix [rows, ...feature_shape]. Targets are either labels, i32 [rows] in
// [0, classes), or numbers, f32 [rows, target_names.size()]. The Buffers are shared by copies of a Dataset and are not
// written any more; normalisation (data/normalize.h) and splitting (data/split.h) make new ones where needed.
//
//   const Dataset train = read_csv({.path = "digits-train.csv", .label = "digit"}, folder);
//   train.rows;                          // 1442
//   train.schema.feature_shape;          // [64]
//   train.label(7);                      // an integer in [0, 10)
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "array/buffer.h"
#include "array/shape.h"

namespace nnx {

constexpr int64_t max_classes = 1'000'000;   // that labels may have

// Which file the rows came from, so that a resumed run can tell that its data has changed. CRC-32 is of the bytes on
// disk (compressed ones, when the file is).
struct SourceIdentity {
  std::string path = {};
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
  static void fields(auto& self, auto&& f) {
    f("path", self.path);
    f("bytes", self.bytes);
    f("crc32", self.crc32);
  }
  // Same content; the place may differ.
  bool same_content(const SourceIdentity& other) const { return bytes == other.bytes && crc32 == other.crc32; }
};

// What columns and classes mean: learned from the training file, kept with the model, imposed on every later file.
struct DataSchema {
  std::vector<int64_t> feature_shape = {};      // of one row
  std::vector<std::string> feature_names = {};  // one a CSV column; empty when the file names none
  std::vector<std::string> target_names = {};   // the columns of f32 targets; empty for labels
  std::vector<std::string> class_names = {};    // of the labels, when they are text or the config names them
  int64_t classes = 0;                          // 0: targets are numbers
  static void fields(auto& self, auto&& f) {
    f("feature_shape", self.feature_shape);
    f("feature_names", self.feature_names);
    f("target_names", self.target_names);
    f("class_names", self.class_names);
    f("classes", self.classes);
  }
  bool has_labels() const { return classes > 0; }
  int64_t features() const;  // numbers in one row
  int64_t target_width() const { return has_labels() ? 1 : static_cast<int64_t>(target_names.size()); }
};

struct Dataset {
  int64_t rows = 0;
  BufferRef features = {};
  BufferRef targets = {};
  DataSchema schema = {};
  std::vector<SourceIdentity> sources = {};

  std::span<const float> feature_row(int64_t row) const;  // [features()]
  std::span<const float> target_row(int64_t row) const;   // [target_width()]; only where targets are numbers
  int32_t label(int64_t row) const;                       // only where targets are labels
  Shape feature_shape() const { return Shape(std::span<const int64_t>(schema.feature_shape)); }
};

// The product of `shape`; throws ErrorKind::config naming `where` when a size is not positive, the rank is above 7, or
// the product is above `limit`.
int64_t checked_size(std::span<const int64_t> shape, int64_t limit, const std::string& where);

// The shape of one row of `features` numbers: `wanted` where the config gives one (its product must be `features`),
// else `found`.
std::vector<int64_t> row_shape(const std::vector<int64_t>& wanted, std::vector<int64_t> found,
                               const std::string& where);

// The rows of `data` whose indices are given, in that order, in Buffers of their own. Throws ErrorKind::internal for an
// index out of range.
Dataset take_rows(const Dataset& data, std::span<const int64_t> indices);

}  // namespace nnx
