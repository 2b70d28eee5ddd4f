// A Program is the compiled part of a Plan: bound steps over memory that others own. Plan runs one with the memory of
// its Buffers; a step with a body Graph runs one with slices of its own operands, many times.
//
//   auto body = Program::compile(graph, {{.output = 0, .input = 1}}, Outputs::written, bodies);
//   body->run(slots, arena);      // slots: one pointer an input, then one an output
//
// - run() allocates nothing and looks nothing up: it writes the slots into the steps' arguments, then walks the steps.
// - `arena` holds report.arena_bytes bytes, 64-byte aligned; nothing in it outlives a run.
// - An output that is aliased has its input's pointer in both slots. Which aliases were kept is in `outputs`.
// A Program is not thread-safe. One Program may serve several steps of a plan: they run one after the other.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "plan/passes.h"

namespace nnx::plan {

class Bodies;

// What an output may be. `shared`: also an input, a constant or another output, whose memory the caller then gives out.
// `written`: its slot is always written, unless it is the unchanged input that it is aliased to.
enum class Outputs { shared, written };

class Program {
 public:
  static std::shared_ptr<Program> compile(const Graph& graph, const std::vector<Alias>& aliases, Outputs outputs,
                                          Bodies& bodies);

  // Binding, then the steps before the guards, the guards and the other steps; run() is all of it for a Graph without
  // guards.
  void bind(void* const* slots, void* arena);
  void run_before_guards() const;
  const std::string* failed_guard() const;  // the name of the first one that found a value that is not finite, or null
  void run_after_guards() const;
  void run(void* const* slots, void* arena);

  // The same, and when each step ran, seconds after `start`.
  using Time = std::chrono::steady_clock::time_point;
  void run_before_guards(Time start, std::vector<StepTime>& times) const;
  void run_after_guards(Time start, std::vector<StepTime>& times) const;

  // Whether output `o` is in its slot because its aliased input is.
  bool in_place(size_t o) const {
    return outputs[o].kind == OutputKind::aliased || outputs[o].kind == OutputKind::unchanged;
  }

  PlanReport report;
  std::vector<Type> input_types, output_types;
  std::vector<size_t> input_bytes, output_bytes;
  std::vector<OutputBinding> outputs;
  std::vector<BufferRef> constants;  // per output that shares one

 private:
  friend class Assembler;
  struct BoundStep {
    const kernels::Kernel* kernel;
    void* const* arguments;
  };
  // An argument that is set again at each run: from the memory of an input or an output, or from the arena.
  struct Patch {
    size_t argument;
    size_t slot;  // inputs, then outputs; unused in the arena
    int64_t byte_offset;
  };
  struct GuardCheck {
    size_t argument;  // of the bool scalar
    std::string name;
  };
  void run_steps(size_t first, size_t last, Time start, std::vector<StepTime>& times) const;

  std::vector<BufferRef> kept_;  // constants that steps read
  std::vector<kernels::KernelPtr> kernels_;
  std::vector<void*> arguments_;
  std::vector<Patch> patches_, arena_patches_;
  void* arena_ = nullptr;  // the one that arguments point into
  std::vector<BoundStep> steps_;
  size_t before_guards_ = 0;
  std::vector<GuardCheck> guards_;
};

}  // namespace nnx::plan
