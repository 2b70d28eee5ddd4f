// Sums over examples, the records they become, and the file of records that a resumed run continues byte for byte.
//
//   MetricSums sums;  sums.add(result);
//   file.append({.step = 22, .epoch = 1, .split = "train", .metrics = means(sums, names), .learning_rate = 0.001f});
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

// Means over examples, by name in the order of the Objective, the loss first.
struct Metrics {
  std::vector<std::pair<std::string, double>> values = {};
  double loss() const { return values.at(0).second; }  // what training makes small
  std::optional<double> accuracy() const { return find("accuracy"); }
  std::optional<double> find(std::string_view name) const;
};
Metrics means(const MetricSums& sums, const std::vector<std::string>& names);
// Whether more of it is better: accuracies.
bool is_maximized(std::string_view metric);
std::string to_text(const Metrics& metrics);          // "loss 0.06302  accuracy 0.9826"
std::string to_json_members(const Metrics& metrics);  // "loss":0.063,"accuracy":0.9826; null for what is not finite

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
