// switch and remat: one of several Programs, run once, straight from the step's inputs to its outputs.
#pragma once

#include <memory>
#include <vector>

#include "plan/program.h"

namespace nnx::plan {

class BranchKernel : public kernels::Kernel {
 public:
  // `indexed`: the first input is the i32 number of the branch, brought into range; without it there is one branch.
  BranchKernel(std::vector<std::shared_ptr<Program>> branches, bool indexed);
  void run(void* const* args) const override;
  std::string name() const override;
  size_t scratch_bytes() const override { return scratch_bytes_; }
  double flops() const override { return flops_; }
  double bytes() const override { return bytes_; }
  int threads() const override { return threads_; }

 private:
  std::vector<std::shared_ptr<Program>> branches_;
  bool indexed_;
  size_t arguments_;  // inputs and outputs
  size_t scratch_bytes_ = 0;
  double flops_ = 0, bytes_ = 0;  // of the dearest branch
  int threads_ = 1;
};

}  // namespace nnx::plan
