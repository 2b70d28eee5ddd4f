// A small loop as a script: one flat list of calls on whole operands, made once, with every pointer already in place.
//
// A loop of a few hundred elements takes less time to compute than a walk over its space takes to set up. Where the
// whole space is one tile of one thread, which pieces are loaded, which steps run on them and what is reduced into what
// is known when the plan is made; a run compares its arguments with those of the last one, writes those that moved into
// the calls, and makes the calls. What they compute is what run_loop() computes, bit for bit. Private to kernels/.
#pragma once

#include <array>
#include <memory>

#include "kernels/loop_program.h"

namespace nnx::kernels {

class LoopScript {
 public:
  // Null where the loop needs a walk: outer dimensions, several tiles or threads, operands of odd strides.
  static std::unique_ptr<LoopScript> make(const LoopProgram& program);

  // False, and nothing done, when an output lies on an input that is still read after that output is written. Not
  // thread-safe, like the plan the loop belongs to.
  bool run(void* const* args);

 private:
  friend class ScriptWriter;

  // One entry of the vector table, `count` times, each time so many bytes further on; or, where fn is null, chains.
  struct Action {
    VectorFn fn = nullptr;
    VectorCall call;
    int64_t count = 1;
    int64_t in_bytes = 0, out_bytes = 0;  // the last argument and the result move by this
    int last_argument = 0;
    size_t first_chain = 0;  // chains: `count` of them on call.n elements
  };
  // A pointer inside a call that follows an argument of the loop.
  struct Patch {
    std::byte* slot;
    int64_t offset;
  };
  struct Hazard {
    size_t input, output;  // arguments that must not be the same memory
  };

  void bind(size_t argument, void* pointer);

  std::vector<Action> actions_;
  std::vector<ChainCall> chains_;
  std::vector<ChainLink> links_;
  std::vector<std::array<std::byte, vector_bytes>> constants_;
  std::vector<Patch> patches_;       // by argument
  std::vector<size_t> first_patch_;  // of each argument, and the end
  std::vector<void*> bound_;         // the arguments of the last run
  std::vector<Hazard> hazards_;
  ChainsFn run_chains_ = nullptr;
};

}  // namespace nnx::kernels
