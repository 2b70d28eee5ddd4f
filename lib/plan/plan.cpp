#include "plan/plan.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "kernels/kernel.h"
#include "plan/passes.h"
#include "plan/steps.h"

namespace nnx {

using namespace plan;

namespace {

struct BoundStep {
  const kernels::Kernel* kernel;
  void* const* arguments;
};

// A pointer that is set again at each run, from the Buffer of an input or an output.
struct Patch {
  size_t argument;
  size_t slot;  // inputs, then outputs
  int64_t byte_offset;
};

struct GuardCheck {
  size_t argument;  // of the bool scalar
  std::string name;
};

}  // namespace

struct Plan::Impl {
  PlanReport report;
  std::vector<Type> input_types, output_types;
  std::vector<OutputBinding> outputs;
  std::vector<BufferRef> constants;  // per output that shares one
  std::vector<BufferRef> kept;       // constants that steps read
  std::vector<kernels::KernelPtr> kernels;
  BufferRef arena;
  std::vector<void*> arguments;
  std::vector<Patch> patches;
  std::vector<BoundStep> steps;
  size_t before_guards = 0;
  std::vector<GuardCheck> guards;
  std::vector<void*> slots;         // this run's Buffers
  std::vector<BufferRef> detached;  // per output: its new Buffer, when an alias must not write into the old one

  void bind_inputs(std::span<BufferRef* const> inputs);
  void bind_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> outputs_given);
  void check_guards();
  void share_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> outputs_given);
};

void Plan::Impl::bind_inputs(std::span<BufferRef* const> inputs) {
  check(inputs.size() == input_types.size(), "a plan was run with a wrong number of inputs");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const BufferRef& buffer = *inputs[i];
    check(buffer && buffer->bytes() >= input_types[i].bytes(),
          "a plan was run with an input that is missing or too small");
    slots[i] = buffer->data();
  }
}

void Plan::Impl::bind_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> given) {
  check(given.size() == outputs.size(), "a plan was run with a wrong number of outputs");
  for (size_t o = 0; o < outputs.size(); ++o) {
    const size_t bytes = output_types[o].bytes();
    void*& slot = slots[inputs.size() + o];
    if (outputs[o].kind == OutputKind::computed) {
      if (!given[o] || given[o].use_count() != 1 || given[o]->bytes() != bytes) given[o] = Buffer::allocate(bytes);
      slot = given[o]->data();
    } else if (outputs[o].kind == OutputKind::aliased) {
      BufferRef& state = *inputs[static_cast<size_t>(outputs[o].index)];
      if (state.use_count() > 1) detached[o] = Buffer::allocate(bytes);
      slot = detached[o] ? detached[o]->data() : state->data();
    }
  }
  for (const Patch& p : patches) arguments[p.argument] = static_cast<std::byte*>(slots[p.slot]) + p.byte_offset;
}

void Plan::Impl::check_guards() {
  for (const GuardCheck& guard : guards) {
    if (*static_cast<const bool*>(arguments[guard.argument])) continue;
    for (BufferRef& buffer : detached) buffer.reset();
    fail(ErrorKind::numeric, {.where = guard.name, .expected = "finite values", .got = "a NaN or infinity"});
  }
}

void Plan::Impl::share_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> given) {
  for (size_t o = 0; o < outputs.size(); ++o) {
    const OutputBinding& binding = outputs[o];
    const auto index = static_cast<size_t>(binding.index);
    if (binding.kind == OutputKind::aliased) {
      if (detached[o]) *inputs[index] = std::move(detached[o]);
    } else if (binding.kind == OutputKind::input || binding.kind == OutputKind::output ||
               binding.kind == OutputKind::constant) {
      const BufferRef& shared = binding.kind == OutputKind::input    ? *inputs[index]
                                : binding.kind == OutputKind::output ? given[index]
                                                                     : constants[o];
      if (given[o] != shared) given[o] = shared;
    }
  }
}

Plan::Plan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Plan::~Plan() = default;

void Plan::run(std::span<BufferRef* const> inputs, std::span<BufferRef> outputs) {
  Impl& p = *impl_;
  p.bind_inputs(inputs);
  p.bind_outputs(inputs, outputs);
  const BoundStep* const steps = p.steps.data();
  for (size_t i = 0; i < p.before_guards; ++i) steps[i].kernel->run(steps[i].arguments);
  p.check_guards();
  for (size_t i = p.before_guards; i < p.steps.size(); ++i) steps[i].kernel->run(steps[i].arguments);
  p.share_outputs(inputs, outputs);
}

const PlanReport& Plan::report() const { return impl_->report; }
std::string Plan::to_string() const { return plan::to_string(impl_->report); }
const std::vector<Type>& Plan::input_types() const { return impl_->input_types; }
const std::vector<Type>& Plan::output_types() const { return impl_->output_types; }

namespace {

// Gives every stored value its place: an external Buffer, a constant, or a block of the arena.
class Assembler {
 public:
  Assembler(const Bound& bound, std::vector<Step> steps)
      : bound_(bound), graph_(bound.graph), steps_(std::move(steps)) {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) slot_[graph_.inputs[i]] = i;
    for (size_t o = 0; o < bound.outputs.size(); ++o) {
      const OutputKind kind = bound.outputs[o].kind;
      if (kind == OutputKind::computed || kind == OutputKind::aliased)
        slot_[bound.outputs[o].root] = graph_.inputs.size() + o;
    }
  }

  // `before_guards` steps run before the guards read their values.
  void assemble(Plan::Impl& plan, size_t before_guards) {
    find_blocks(before_guards);
    const Placement placement = place(blocks_);
    plan.arena = Buffer::allocate(placement.bytes);
    plan.report.arena_bytes = placement.bytes;
    plan.report.live_bytes = placement.live_bytes;
    for (Step& step : steps_) {
      starts_.push_back(plan.arguments.size());
      for (const Argument& a : step.arguments) add_argument(plan, placement, a);
      if (step.kernel->scratch_bytes() > 0) {
        const size_t block = scratch_.at(starts_.size() - 1);
        plan.arguments.push_back(plan.arena->as<std::byte>() + placement.offsets[block]);
      }
      plan.kernels.push_back(std::move(step.kernel));
      plan.report.steps.push_back(std::move(step.report));
    }
    for (const Guard& g : graph_.guards) {
      plan.guards.push_back({plan.arguments.size(), g.name});
      add_argument(plan, placement, {bound_.views.root(g.value), 0});
    }
    for (size_t i = 0; i < starts_.size(); ++i)
      plan.steps.push_back({plan.kernels[i].get(), plan.arguments.data() + starts_[i]});
  }

 private:
  bool in_arena(Value root) const { return graph_.nodes[root.node].kind == NodeKind::op && !slot_.contains(root); }

  void use(Value root, int step) {
    if (!in_arena(root)) return;
    const auto [it, fresh] = block_.emplace(root, blocks_.size());
    if (fresh) blocks_.push_back({graph_.type(root).bytes(), step, step});
    blocks_[it->second].last = std::max(blocks_[it->second].last, step);
  }

  void find_blocks(size_t before_guards) {
    for (size_t s = 0; s < steps_.size(); ++s) {
      const int step = static_cast<int>(s);
      for (const Argument& a : steps_[s].arguments) use(a.root, step);
      const size_t scratch = steps_[s].kernel->scratch_bytes();
      if (scratch == 0) continue;
      scratch_[s] = blocks_.size();
      blocks_.push_back({scratch, step, step});
    }
    for (const Guard& g : graph_.guards) use(bound_.views.root(g.value), static_cast<int>(before_guards));
  }

  void add_argument(Plan::Impl& plan, const Placement& placement, const Argument& a) {
    const auto slot = slot_.find(a.root);
    if (slot != slot_.end()) {
      plan.patches.push_back({plan.arguments.size(), slot->second, a.byte_offset});
      plan.arguments.push_back(nullptr);
    } else if (const BufferRef& constant = graph_.nodes[a.root.node].constant) {
      plan.kept.push_back(constant);
      plan.arguments.push_back(constant->as<std::byte>() + a.byte_offset);
    } else {
      plan.arguments.push_back(plan.arena->as<std::byte>() + placement.offsets[block_.at(a.root)] + a.byte_offset);
    }
  }

  const Bound& bound_;
  const Graph& graph_;
  std::vector<Step> steps_;
  std::vector<size_t> starts_;
  std::map<Value, size_t> slot_, block_;
  std::map<size_t, size_t> scratch_;  // step to block
  std::vector<Block> blocks_;
};

void add_totals(PlanReport& report, const Plan::Impl& plan, const Graph& graph) {
  for (const StepReport& step : report.steps) {
    report.flops += step.flops;
    report.bytes += step.bytes;
    report.threads = std::max(report.threads, step.threads);
  }
  for (const Type& t : plan.input_types) report.input_bytes += t.bytes();
  for (const Type& t : plan.output_types) report.output_bytes += t.bytes();
  for (const Node& node : graph.nodes)
    if (node.kind == NodeKind::constant) report.constant_bytes += node.types[0].bytes();
}

}  // namespace

std::shared_ptr<Plan> Plan::compile(const Graph& graph, const std::vector<Alias>& aliases, const PlanOptions& options) {
  const int threads = options.threads > 0 ? options.threads : kernels::max_threads();
  const Bound bound = bind(layout(simplify(trim(expand(linearize(graph))))), aliases, options.alias);
  const Schedule order = schedule(bound, fuse(bound, options.fuse));
  std::vector<Step> steps;
  for (const Group& group : order.groups) steps.push_back(make_step(bound, group, threads));

  auto impl = std::make_unique<Impl>();
  impl->input_types = graph.input_types();
  impl->output_types = graph.output_types();
  impl->outputs = bound.outputs;
  impl->before_guards = order.before_guards;
  impl->slots.resize(graph.inputs.size() + graph.outputs.size());
  impl->detached.resize(graph.outputs.size());
  for (const OutputBinding& o : bound.outputs) impl->constants.push_back(bound.graph.nodes[o.root.node].constant);
  Assembler(bound, std::move(steps)).assemble(*impl, order.before_guards);
  impl->report.copied_aliases = bound.copied;
  add_totals(impl->report, *impl, bound.graph);
  return std::shared_ptr<Plan>(new Plan(std::move(impl)));
}

}  // namespace nnx
