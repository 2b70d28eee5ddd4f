// The list of dataset readers that a config can name as `{type: csv, ...}`.
//
//   const Dataset train = dataset_readers().build(config.train, diagnostics, folder_of_the_config, nullptr);
//   const Dataset test = dataset_readers().build(config.test, diagnostics, folder_of_the_config, &train.schema);
//
// To add one: a pair of files like csv.h and csv.cpp, one line in builtin.cpp, a test.
#pragma once

#include <filesystem>

#include "config/registry.h"
#include "data/dataset.h"

namespace nnx {

// Context: the folder that relative paths start at, and the schema of the training set or nullptr.
using DatasetReaders = Registry<Dataset(const std::filesystem::path&, const DataSchema*)>;

const DatasetReaders& dataset_readers();

}  // namespace nnx
