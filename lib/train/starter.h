// Starter writes a first config for a CSV file: what kind of task it is, how wide the layers are and what the keys mean,
// ready to train and to be edited.
//
//   const Starter s = starter_config({.data = "iris.csv", .target = "species"});
//   s.yaml;       // data: {train: {type: csv, path: iris.csv, label: species}, validation: 0.1, ...
#pragma once

#include <filesystem>
#include <string>

namespace nnx {

struct StarterOptions {
  std::filesystem::path data;
  std::string target;         // the column to predict
  std::string delimiter = ",";
};

struct Starter {
  std::string yaml = {};
  std::string task = {};  // "classification" or "regression"
  int64_t rows = 0, features = 0, classes = 0;
};

// A target of words, or of few different whole numbers from 0 on, is a class; anything else is a number. Columns that
// are no numbers are ignored, and the config says so. Throws what reading the file throws, and usage for a target that is
// no column.
Starter starter_config(const StarterOptions& options);
std::string to_json(const Starter& starter);  // {"config": the text, "task", "rows", "features", "classes"}

}  // namespace nnx
