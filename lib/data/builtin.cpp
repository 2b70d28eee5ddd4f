#include "data/builtin.h"

#include "data/csv.h"
#include "data/idx.h"
#include "data/synthetic.h"

namespace nnx {

const DatasetReaders& dataset_readers() {
  static const DatasetReaders list = [] {
    DatasetReaders readers("dataset");
    readers.add<CsvOptions>("csv", "rows of numbers with a label or targets, as comma-separated text", read_csv);
    readers.add<IdxOptions>("idx", "images and labels in the file format of MNIST", read_idx);
    readers.add<SyntheticOptions>("synthetic", "rows made from a seed, with targets that can be learned",
                                  [](const SyntheticOptions& options, const std::filesystem::path&, const DataSchema* like) {
                                    return make_synthetic(options, like);
                                  });
    return readers;
  }();
  return list;
}

}  // namespace nnx
