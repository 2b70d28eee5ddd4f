// What the tests of this room share: a folder of their own, small configs, and reading files back.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

#include "support/paths.h"
#include "train/trainer.h"

namespace nnx::test {

// A folder that goes away with the object; in memory where possible, because every checkpoint waits for the disk.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name =
        ((memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) / "nnx-train-XXXXXX")
            .string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code none;
    std::filesystem::remove_all(path_, none);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// The MLP of the guide on the digits, with everything that has a state: parameters, statistics, random keys, moments.
inline TrainSource small_run(const TemporaryFolder& folder, const std::string& run,
                             std::vector<std::string> more = {}) {
  const std::string source = source_dir();
  const std::string file = folder / "small.yaml";
  write_file(file,
             "seed: 3\n"
             "data:\n"
             "  train: {type: csv, path: '" +
                 source +
                 "/data/digits-test.csv', label: digit}\n"
                 "  validation: 0.2\n"
                 "  test: {type: csv, path: '" +
                 source +
                 "/data/digits-train.csv', label: digit}\n"
                 "  normalize: {standardize: true}\n"
                 "  batch_size: 16\n"
                 "model:\n"
                 "  type: Sequential\n"
                 "  layers:\n"
                 "    linear1: {type: Linear, in_features: 64, out_features: 24}\n"
                 "    bn: {type: BatchNorm, num_features: 24}\n"
                 "    dropout: {type: Dropout, rate: 0.2}\n"
                 "    gelu: gelu\n"
                 "    linear2: {type: Linear, in_features: 24, out_features: 10}\n"
                 "loss: softmax_cross_entropy\n"
                 "optimizer: {type: adamw, learning_rate: {type: cosine, init_value: 5e-3}, weight_decay: 0.01}\n"
                 "train: {max_steps: 60, log_every: 7, keep: 100}\n");
  more.push_back("output_dir=" + (folder / run));
  return {.files = {file}, .arguments = std::move(more)};
}

// Stops after the given step, as a signal would.
inline TrainOptions stop_after(int64_t step) {
  return {.stop = [step](int64_t done) { return std::string(done == step ? "SIGTERM" : ""); }};
}

struct Caught {
  int code = 0;
  std::string text;
};
template <class F> Caught caught(F&& f) {
  try {
    f();
  } catch (const Error& error) { return {exit_code(error.kind()), error.what()}; }
  return {0, "no error"};
}

}  // namespace nnx::test
