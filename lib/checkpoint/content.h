// The content of one checkpoint directory: written file by file with the manifest last, read back with every byte
// verified.
#pragma once

#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "checkpoint/posix_file.h"

namespace nnx {

// A Checkpoint in the form it has on disk; its tensors stay where they are.
class EncodedCheckpoint {
 public:
  EncodedCheckpoint(const Checkpoint& checkpoint, std::string run_id);
  // Writes all files into `directory`, which is empty, and syncs it. Gives the text of its manifest.
  std::string write(const Directory& directory) const;

 private:
  const Checkpoint& checkpoint_;
  std::string run_id_;
  std::string graphdef_;
};

struct Expected {
  std::string run_id = {};  // empty accepts any
  std::optional<int64_t> step = {};
};

Manifest read_manifest(const Directory& directory, const Expected& expected);
Checkpoint read_content(const Directory& directory, const Expected& expected);
// That all files are there with their sizes: what can be said without reading them.
void check_sizes(const Directory& directory, const Manifest& manifest);

}  // namespace nnx
