// A RunLock makes a run directory the property of one process. The kernel holds it, so it ends with the process however
// that ends; there are no stale locks.
//
//   RunLock lock("runs/mlp");      // creates the directory when needed
#pragma once

#include <filesystem>

namespace nnx {

class RunLock {
 public:
  // Throws ErrorKind::busy naming the holder's pid, host and start when another process (or another RunLock of this
  // one) has it; cannot_create when the directory or its `.lock` cannot be made.
  explicit RunLock(const std::filesystem::path& run_directory);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace nnx
