// The idx reader: the file format of MNIST and its relatives, one file of images and one of labels.
//
//   const std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
//   const Dataset train =
//       read_idx({.images = "train-images-idx3-ubyte.gz", .labels = "train-labels-idx1-ubyte.gz"}, folder);
//   train.schema.feature_shape;   // [28, 28]
//
// A file is two zero bytes, a type (0x08 u8, 0x09 i8, 0x0B i16, 0x0C i32, 0x0D f32, 0x0E f64), a rank, that many 32-bit
// sizes, and the elements, all big-endian; plain or gzip by content. Values become f32 as they are (u8 stays 0..255:
// scale with `normalize`). The header must promise exactly what the file holds.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/fields.h"
#include "data/dataset.h"

namespace nnx {

struct IdxOptions {
  std::string images = {};
  std::string labels = {};
  std::vector<std::string> class_names = {};
  std::vector<int64_t> shape = {};

  static void fields(auto& self, auto&& f) {
    f("images", self.images, Field{.help = "the file of images, plain or gzip; relative to data.folder"}.must());
    f("labels", self.labels, Field{.help = "the file of their labels, plain or gzip"}.must());
    f("class_names", self.class_names,
      Field{.help = "the classes in order; default: as many as the largest label says"});
    f("shape", self.shape,
      Field{.help = "the shape of one image, e.g. [784] or [28, 28, 1]; default: as in the file"}.at_least(1));
  }
};

// Reads both files. With `like`, the schema of the training set, images must have its shape and labels its classes.
// Errors: config, missing, io, data (naming the file, and the record where one is at fault).
Dataset read_idx(const IdxOptions& options, const std::filesystem::path& base, const DataSchema* like = nullptr);

}  // namespace nnx
