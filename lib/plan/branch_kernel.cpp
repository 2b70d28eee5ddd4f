#include "plan/branch_kernel.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnx::plan {

BranchKernel::BranchKernel(std::vector<std::shared_ptr<Program>> branches, bool indexed)
    : branches_(std::move(branches)),
      indexed_(indexed),
      arguments_(size_t{indexed} + branches_[0]->input_types.size() + branches_[0]->output_types.size()) {
  for (const auto& branch : branches_) {
    scratch_bytes_ = std::max(scratch_bytes_, branch->report.arena_bytes);
    flops_ = std::max(flops_, branch->report.flops);
    bytes_ = std::max(bytes_, branch->report.bytes);
    threads_ = std::max(threads_, branch->report.threads);
  }
}

void BranchKernel::run(void* const* args) const {
  int64_t branch = 0;
  if (indexed_)
    branch = std::clamp<int64_t>(*static_cast<const int32_t*>(args[0]), 0, static_cast<int64_t>(branches_.size()) - 1);
  // The operands and results of the step are the slots of the body as they lie.
  branches_[static_cast<size_t>(branch)]->run(args + indexed_, scratch_bytes_ > 0 ? args[arguments_] : nullptr);
}

std::string BranchKernel::name() const {
  return indexed_ ? fmt::format("switch of {}", branches_.size()) : std::string("remat");
}

}  // namespace nnx::plan
