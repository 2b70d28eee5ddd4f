// The csv reader: one row a line, numbers as features, one column as label or some as targets.
//
//   const Dataset train = read_csv({.path = "data/digits-train.csv", .label = "digit"}, folder);
//   const Dataset test = read_csv({.path = "data/digits-test.csv", .label = "digit"}, folder, &train.schema);
//
// Read as a stream, plain or gzip by content, UTF-8; what is refused as text is listed in data/csv_tokenizer.h. Every
// feature and target must be a finite number that fits f32, written as C writes it (no hexadecimal, no locale).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "data/dataset.h"

namespace nnx {

// How labels are written: as class numbers, or as names.
enum class LabelStyle { automatic, integer, text };
inline std::vector<std::string_view> enum_names(LabelStyle) { return {"auto", "integer", "text"}; }

struct CsvOptions {
  std::string path = {};
  std::string label = {};
  std::vector<std::string> targets = {};
  LabelStyle labels = LabelStyle::automatic;
  std::vector<std::string> class_names = {};
  std::vector<std::string> ignore = {};
  std::vector<int64_t> shape = {};
  std::string delimiter = ",";
  bool header = true;

  static void fields(auto& self, auto&& f) {
    f("path", self.path, Field{.help = "the file, plain or gzip; relative to data.folder"}.must());
    f("label", self.label, Field{.help = "the column of class labels, for classification"});
    f("targets", self.targets, Field{.help = "the columns of target numbers, for regression"});
    f("labels", self.labels, Field{.help = "how labels are written; auto decides by the first row"});
    f("class_names", self.class_names, Field{.help = "the classes in order; default: sorted, from the training file"});
    f("ignore", self.ignore, Field{.help = "columns that are neither features nor targets"});
    f("shape", self.shape,
      Field{.help = "the shape of one row of features; default: [number of feature columns]"}.at_least(1));
    f("delimiter", self.delimiter, Field{.help = "the character between fields; \\t for tabs"});
    f("header", self.header, Field{.help = "the first line names the columns; without it they are named 0, 1, ..."});
  }
};

// Reads the file at `base / options.path`. With `like`, the schema of the training set, the file must have the same
// feature columns in the same order, and its labels are read as that schema's classes; without it, integer labels give
// max + 1 classes, and text labels sorted by their bytes.
// Errors: config (options that contradict each other, a column that is not there), missing, io, data (with
// file:line:column).
Dataset read_csv(const CsvOptions& options, const std::filesystem::path& base, const DataSchema* like = nullptr);

}  // namespace nnx
