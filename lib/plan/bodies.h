// The steps whose op has a body Graph: scan, while_loop, switch, remat. Each is one kernel that runs a Program compiled
// from the body; the Program's arena is the kernel's scratch.
//
//   Bodies bodies({.threads = 2});
//   std::shared_ptr<Program> body = bodies.get(attrs.body, {{.output = 0, .input = 1}});   // compiled at the first call
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "kernels/kernel.h"
#include "plan/plan.h"

namespace nnx::plan {

class Program;

// The bodies of one compile: equal ones are compiled once.
class Bodies {
 public:
  explicit Bodies(PlanOptions options);  // threads 0 becomes the number it stands for
  const PlanOptions& options() const { return options_; }
  // Every output of it is written to its slot, or lies in its aliased input (Outputs::written).
  std::shared_ptr<Program> get(const GraphRef& body, const std::vector<Alias>& aliases);

 private:
  struct Entry {
    GraphRef body;
    std::vector<Alias> aliases;
    std::shared_ptr<Program> program;
  };
  PlanOptions options_;
  std::unordered_multimap<uint64_t, Entry> programs_;  // by the hash of the body
};

// Whether a node of this op is such a step. (call and custom_vjp have bodies too; they are replaced by them.)
bool runs_body(const OpDef& op);

// The operand that holds the initial value of the loop carry which output `output` gives; none for other outputs and ops.
// The kernel may be given one memory for both.
std::optional<size_t> carry_operand(const Node& node, uint32_t output);

struct BodyKernel {
  kernels::KernelPtr kernel;
  std::vector<BodyReport> bodies;
};
// The kernel of a node for which runs_body() holds; its operands are contiguous.
BodyKernel make_body_kernel(const Node& node, Bodies& bodies);

}  // namespace nnx::plan
