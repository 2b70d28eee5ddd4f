// A DataCache holds once what several runs read alike: rows of a file, and the same rows normalised in the same way.
//
//   DataCache cache;                                       // for as long as the runs are being prepared
//   Dataset train = cache.read("csv train.csv", [&] { return read_csv(options, folder); });
//   train = cache.normalized(std::move(train), normalization);
//
// Runs may be prepared side by side: who asks for what another is reading waits for it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "data/normalize.h"

namespace nnx {

class DataCache {
 public:
  // What `read` gave when it was first asked for under this name.
  Dataset read(const std::string& name, const std::function<Dataset()>& read);
  // normalized() of normalize.h, of the same features only once.
  Dataset normalized(Dataset data, const Normalization& how);

 private:
  struct Normalized {
    BufferRef before, after;
    Normalization how;
  };
  std::mutex mutex_;   // guards what follows
  std::map<std::string, Dataset> read_;
  std::vector<Normalized> normalized_;
};

}  // namespace nnx
