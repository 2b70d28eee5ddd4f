// scan and while_loop: a Program run again and again on its own results.
//
// A carry whose new value the body writes over the old one lies in the step's output all the time. Any other moves between
// two places, the output and a spare in the scratch, so that no iteration copies it.
#pragma once

#include <memory>
#include <vector>

#include "ops/attrs.h"
#include "plan/program.h"

namespace nnx::plan {

// The carries of a loop during a run. Scratch: the arena of the Programs, then the spares.
class Carries {
 public:
  Carries(const Program& body, size_t constants, size_t count, size_t arena_bytes);
  size_t scratch_bytes() const { return scratch_bytes_; }
  size_t moving_bytes() const { return moving_bytes_; }  // copied at the start of a run

  // Puts the first pointers into `slots` of the body (inputs, then outputs). `iterations` if known, else 0. An initial
  // value may lie in its output.
  void start(void* const* initial, void* const* outputs, std::byte* scratch, int64_t iterations, void** slots) const;
  // After an iteration: what was written is read next.
  void advance(void* const* outputs, std::byte* scratch, void** slots) const;
  // Leaves the values that `slots` would read next in `outputs`.
  void finish(void* const* outputs, void* const* slots) const;

 private:
  struct Carry {
    size_t in, out;  // slots
    size_t bytes;
    bool in_place;
    size_t spare;  // offset in the scratch
  };
  std::vector<Carry> carries_;
  size_t scratch_bytes_ = 0, moving_bytes_ = 0;
};

class ScanKernel : public kernels::Kernel {
 public:
  ScanKernel(const ScanAttrs& attrs, std::shared_ptr<Program> body);
  void run(void* const* args) const override;
  std::string name() const override;
  size_t scratch_bytes() const override { return carries_.scratch_bytes(); }
  double flops() const override { return static_cast<double>(length_) * body_->report.flops; }
  double bytes() const override;
  int threads() const override { return body_->report.threads; }

 private:
  struct Slice {
    size_t argument, slot;
    int64_t bytes;  // of one iteration
  };
  std::shared_ptr<Program> body_;
  int64_t length_;
  bool reverse_;
  size_t inputs_, constants_;
  Carries carries_;
  std::vector<Slice> slices_;  // of xs and ys
  mutable std::vector<void*> slots_;
};

class WhileKernel : public kernels::Kernel {
 public:
  WhileKernel(const WhileAttrs& attrs, std::shared_ptr<Program> condition, std::shared_ptr<Program> body);
  void run(void* const* args) const override;
  std::string name() const override { return "while_loop"; }
  size_t scratch_bytes() const override { return carries_.scratch_bytes() + flag_bytes; }
  double flops() const override { return condition_->report.flops + body_->report.flops; }
  double bytes() const override { return condition_->report.bytes + body_->report.bytes; }
  int threads() const override { return std::max(condition_->report.threads, body_->report.threads); }

 private:
  static constexpr size_t flag_bytes = 64;  // what the condition writes, after all else in the scratch
  std::shared_ptr<Program> condition_, body_;
  size_t condition_constants_, body_constants_, count_;
  Carries carries_;
  mutable std::vector<void*> condition_slots_, slots_;
};

}  // namespace nnx::plan
