// Sums over examples, the records they become, and the file of records that a resumed run continues byte for byte.
//
//   MetricSums sums;  sums.add(result);
//   file.append({.step = 22, .epoch = 1, .split = "train", .metrics = means(sums, true), .learning_rate = 0.001f});
//   -> {"step":22,"epoch":1,"split":"train","loss":0.4,"accuracy":0.88,"lr":0.001}
//
// Records hold no times: the same run writes the same bytes. Numbers are the shortest that read back to the same value.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "train/steps.h"

namespace nnx {

struct MetricSums {
  double loss = 0, correct = 0;
  int64_t count = 0;
  void add(const BatchResult& r) { loss += r.loss, correct += r.correct, count += r.count; }
};

// Means over examples.
struct Metrics {
  double loss = 0;
  std::optional<double> accuracy = {};  // of classification
};
Metrics means(const MetricSums& sums, bool classification);

struct MetricRecord {
  int64_t step = 0;
  int64_t epoch = 0;  // the first is 1
  std::string split;  // train, validation, test
  Metrics metrics;
  std::optional<float> learning_rate = {};  // of the last step, for train
};
std::string to_json_line(const MetricRecord& record);  // with its newline

// A file that grows by whole lines.
class LineFile {
 public:
  // Opens or makes it and cuts it to `bytes`. Throws cannot_create, io, and data when it is shorter than that.
  LineFile(std::filesystem::path path, int64_t bytes);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void append(std::string_view line);  // throws io
  void sync();                         // on disk when it returns
  int64_t bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  int file_ = -1;
  int64_t bytes_ = 0;
};

}  // namespace nnx
