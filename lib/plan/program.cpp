#include "plan/program.h"

#include <algorithm>
#include <map>
#include <set>

#include "plan/bodies.h"
#include "plan/steps.h"

namespace nnx::plan {

void Program::bind(void* const* slots, void* arena) {
  for (const Patch& p : patches_) arguments_[p.argument] = static_cast<std::byte*>(slots[p.slot]) + p.byte_offset;
  if (arena == arena_) return;
  for (const Patch& p : arena_patches_) arguments_[p.argument] = static_cast<std::byte*>(arena) + p.byte_offset;
  arena_ = arena;
}

void Program::run_before_guards() const {
  for (size_t i = 0; i < before_guards_; ++i) steps_[i].kernel->run(steps_[i].arguments);
}

const std::string* Program::failed_guard() const {
  for (const GuardCheck& guard : guards_)
    if (!*static_cast<const bool*>(arguments_[guard.argument])) return &guard.name;
  return nullptr;
}

void Program::run_after_guards() const {
  const BoundStep* const steps = steps_.data();
  for (size_t i = before_guards_, n = steps_.size(); i < n; ++i) steps[i].kernel->run(steps[i].arguments);
}

void Program::run_steps(size_t first, size_t last, Time start, std::vector<StepTime>& times) const {
  const auto since_start = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (size_t i = first; i < last; ++i) {
    const double begin = since_start();
    steps_[i].kernel->run(steps_[i].arguments);
    times.push_back({begin, since_start()});
  }
}

void Program::run_before_guards(Time start, std::vector<StepTime>& times) const {
  run_steps(0, before_guards_, start, times);
}

void Program::run_after_guards(Time start, std::vector<StepTime>& times) const {
  run_steps(before_guards_, steps_.size(), start, times);
}

void Program::run(void* const* slots, void* arena) {
  bind(slots, arena);
  run_before_guards();
  run_after_guards();
}

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
  void assemble(Program& program, size_t before_guards) {
    find_blocks(before_guards);
    const Placement placement = place(blocks_);
    program.report.arena_bytes = placement.bytes;
    program.report.live_bytes = placement.live_bytes;
    program.before_guards_ = before_guards;
    std::vector<size_t> starts;
    for (size_t s = 0; s < steps_.size(); ++s) {
      starts.push_back(program.arguments_.size());
      for (const Argument& a : steps_[s].arguments) add_argument(program, placement, a);
      if (const auto scratch = scratch_.find(s); scratch != scratch_.end())
        add_in_arena(program, placement.offsets[scratch->second]);
      program.kernels_.push_back(std::move(steps_[s].kernel));
      program.report.steps.push_back(std::move(steps_[s].report));
    }
    for (const Guard& g : graph_.guards) {
      program.guards_.push_back({program.arguments_.size(), g.name});
      add_argument(program, placement, {bound_.views.root(g.value), 0});
    }
    for (size_t s = 0; s < starts.size(); ++s)
      program.steps_.push_back({program.kernels_[s].get(), program.arguments_.data() + starts[s]});
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

  static void add_in_arena(Program& program, size_t offset) {
    program.arena_patches_.push_back({program.arguments_.size(), 0, static_cast<int64_t>(offset)});
    program.arguments_.push_back(nullptr);
  }

  void add_argument(Program& program, const Placement& placement, const Argument& a) {
    const auto slot = slot_.find(a.root);
    if (slot != slot_.end()) {
      program.patches_.push_back({program.arguments_.size(), slot->second, a.byte_offset});
      program.arguments_.push_back(nullptr);
    } else if (const BufferRef& constant = graph_.nodes[a.root.node].constant) {
      program.kept_.push_back(constant);
      program.arguments_.push_back(constant->as<std::byte>() + a.byte_offset);
    } else {
      add_in_arena(program, placement.offsets[block_.at(a.root)] + static_cast<size_t>(a.byte_offset));
    }
  }

  const Bound& bound_;
  const Graph& graph_;
  std::vector<Step> steps_;
  std::map<Value, size_t> slot_, block_;
  std::map<size_t, size_t> scratch_;  // step to block
  std::vector<Block> blocks_;
};

namespace {

void add_totals(Program& program, const Graph& graph) {
  PlanReport& report = program.report;
  std::set<const PlanReport*> bodies;  // one body may serve several steps
  for (const StepReport& step : report.steps) {
    report.flops += step.flops;
    report.bytes += step.bytes;
    report.threads = std::max(report.threads, step.threads);
    report.fallbacks += step.fallback;
    for (const BodyReport& body : step.bodies) {
      report.fallbacks += body.plan->fallbacks;
      if (bodies.insert(body.plan.get()).second) report.constant_bytes += body.plan->constant_bytes;
    }
  }
  for (const size_t bytes : program.input_bytes) report.input_bytes += bytes;
  for (const size_t bytes : program.output_bytes) report.output_bytes += bytes;
  for (const Node& node : graph.nodes)
    if (node.kind == NodeKind::constant) report.constant_bytes += node.types[0].bytes();
}

}  // namespace

std::shared_ptr<Program> Program::compile(const Graph& graph, const std::vector<Alias>& aliases, Outputs outputs,
                                          Bodies& bodies) {
  const PlanOptions& options = bodies.options();
  Graph prepared = simplify(trim(expand(linearize(graph))));
  if (options.precision == Precision::bf16_mixed) prepared = narrow_products(prepared);
  const Bound bound = nnx::plan::bind(layout(prepared), aliases, options.alias, outputs == Outputs::shared);
  const Schedule order = schedule(bound, fuse(bound, options.fuse));
  std::vector<Step> steps;
  for (const Group& group : order.groups) steps.push_back(make_step(bound, group, bodies));

  auto program = std::make_shared<Program>();
  program->input_types = graph.input_types();
  program->output_types = graph.output_types();
  for (const Type& t : program->input_types) program->input_bytes.push_back(t.bytes());
  for (const Type& t : program->output_types) program->output_bytes.push_back(t.bytes());
  program->outputs = bound.outputs;
  for (const OutputBinding& o : bound.outputs) program->constants.push_back(bound.graph.nodes[o.root.node].constant);
  Assembler(bound, std::move(steps)).assemble(*program, order.before_guards);
  program->report.copied_aliases = bound.copied;
  add_totals(*program, bound.graph);
  return program;
}

}  // namespace nnx::plan
