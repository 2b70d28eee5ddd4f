// A Plan is a Graph compiled to one static sequence of bound kernels over one arena.
//
//   auto plan = Plan::compile(graph, {{.output = 1, .input = 0}});     // output 1 is the new value of input 0
//   plan->run({&state_buffer, &x_buffer}, outputs);
//
// - run() walks an array of steps: no allocation of ours, no lookup, no graph.
// - A node with a body (scan, while_loop, switch, remat) is one step, which runs a plan of its body in the same arena.
// - An aliased output is written into its input's Buffer. When somebody else still holds that Buffer (use_count > 1) a
// new
//   one is made for the result and put into the caller's holder: what others hold never changes.
// - Guards run before the first aliased write: when a guarded value is not finite, run() throws ErrorKind::numeric with
//   the guard's name and no input has changed.
// - An alias whose old value is still read after the write becomes a copy, and the plan's report says so.
// - The result depends on the Graph reached from its outputs, the number of threads and the machine: never on timing.
// A Plan is not thread-safe; several may run at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace nnx {

struct Alias {
  int output = 0;
  int input = 0;  // of equal type
};

// What large products are computed in (precision.cpp): f32, or bf16 operands whose products are summed in f32.
enum class Precision : uint8_t { f32, bf16_mixed };

struct PlanOptions {
  int threads = 0;    // 0: kernels::max_threads()
  bool fuse = true;   // off: one kernel an op, for tests
  bool alias = true;  // off: aliased outputs are computed aside and copied, for tests
  Precision precision = Precision::f32;
};

struct PlanReport;

// A body Graph that a step runs, as a plan of its own. `iterations`: how often a run of the step runs it, or -1 when only
// the run itself knows.
struct BodyReport {
  std::string name;  // "body", "condition", "branch 0"
  int64_t iterations = 1;
  std::shared_ptr<const PlanReport> plan;  // equal bodies share theirs
};

// One step as it is reported. Figures of a step with bodies count every iteration (a loop of unknown length counts as
// one), and the dearest of several branches.
struct StepReport {
  std::string kernel;
  std::vector<std::string> ops;  // the graph nodes it stands for
  std::string result;            // types of its results
  double flops = 0, bytes = 0;
  int threads = 1;
  bool fallback = false;  // a reference kernel
  bool aliased = false;   // writes state in place
  std::vector<BodyReport> bodies = {};
};

struct PlanReport {
  std::vector<StepReport> steps;
  size_t arena_bytes = 0;  // temporaries, those of bodies included
  size_t live_bytes = 0;   // the largest sum of temporaries alive at once
  size_t constant_bytes = 0, input_bytes = 0, output_bytes = 0;
  double flops = 0, bytes = 0;
  std::vector<std::string> copied_aliases;
  int threads = 1;
  size_t fallbacks = 0;  // steps on reference kernels, those of bodies included
};

struct StepTime {
  double begin = 0, end = 0;  // seconds since the run began
};

class Plan {
 public:
  static std::shared_ptr<Plan> compile(const Graph& graph, const std::vector<Alias>& aliases = {},
                                       const PlanOptions& options = {});
  ~Plan();

  // inputs[i] points at the holder of graph input i; an aliased one may be replaced. outputs[o], for outputs without an
  // alias, is reused when this is its only holder and it fits, otherwise replaced; aliased ones are left alone.
  // One holder may be given once only (two holders of one Buffer are fine), and none of `outputs` may be an input's.
  void run(std::span<BufferRef* const> inputs, std::span<BufferRef> outputs);

  // Until stop_timing(), which gives one list a run with an entry a step, runs also note when each step ran. A plan that
  // is not timed pays one test a run.
  void start_timing() const;
  std::vector<std::vector<StepTime>> stop_timing() const;

  const PlanReport& report() const;
  std::string to_string() const;  // the report as text, for people
  const std::vector<Type>& input_types() const;
  const std::vector<Type>& output_types() const;

  struct Impl;

 private:
  explicit Plan(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Makes plans the Evaluator of concrete ops: one-op plans, cached by op, attributes and types.
void install_plan_evaluator();

}  // namespace nnx
