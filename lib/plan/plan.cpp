#include "plan/plan.h"

#include <chrono>
#include <utility>

#include "base/error.h"
#include "plan/bodies.h"
#include "plan/program.h"

namespace nnx {

using namespace plan;

struct Plan::Impl {
  std::shared_ptr<Program> program;
  BufferRef arena;
  std::vector<void*> slots;         // this run's Buffers
  std::vector<BufferRef> detached;  // per output: its new Buffer, when an alias must not write into the old one
  bool timing = false;
  std::vector<std::vector<StepTime>> times;  // a run, a step

  void bind_inputs(std::span<BufferRef* const> inputs);
  void bind_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> outputs_given);
  void run();
  void run_timed();
  void check_guards();
  void share_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> outputs_given);
};

void Plan::Impl::bind_inputs(std::span<BufferRef* const> inputs) {
  const std::vector<size_t>& bytes = program->input_bytes;
  check(inputs.size() == bytes.size(), "a plan was run with a wrong number of inputs");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const BufferRef& buffer = *inputs[i];
    check(buffer && buffer->bytes() >= bytes[i], "a plan was run with an input that is missing or too small");
    slots[i] = buffer->data();
  }
}

void Plan::Impl::bind_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> given) {
  const std::vector<OutputBinding>& outputs = program->outputs;
  check(given.size() == outputs.size(), "a plan was run with a wrong number of outputs");
  for (size_t o = 0; o < outputs.size(); ++o) {
    const size_t bytes = program->output_bytes[o];
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
}

void Plan::Impl::run() {
  program->run_before_guards();
  check_guards();
  program->run_after_guards();
}

void Plan::Impl::run_timed() {
  times.emplace_back();
  const auto start = std::chrono::steady_clock::now();
  program->run_before_guards(start, times.back());
  check_guards();
  program->run_after_guards(start, times.back());
}

void Plan::Impl::check_guards() {
  const std::string* failed = program->failed_guard();
  if (!failed) return;
  for (BufferRef& buffer : detached) buffer.reset();
  fail(ErrorKind::numeric, {.where = *failed, .expected = "finite values", .got = "a NaN or infinity"});
}

void Plan::Impl::share_outputs(std::span<BufferRef* const> inputs, std::span<BufferRef> given) {
  const std::vector<OutputBinding>& outputs = program->outputs;
  for (size_t o = 0; o < outputs.size(); ++o) {
    const OutputBinding& binding = outputs[o];
    const auto index = static_cast<size_t>(binding.index);
    if (binding.kind == OutputKind::aliased) {
      if (detached[o]) *inputs[index] = std::move(detached[o]);
    } else if (binding.kind == OutputKind::input || binding.kind == OutputKind::output ||
               binding.kind == OutputKind::constant) {
      const BufferRef& shared = binding.kind == OutputKind::input    ? *inputs[index]
                                : binding.kind == OutputKind::output ? given[index]
                                                                     : program->constants[o];
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
  p.program->bind(p.slots.data(), p.arena->data());
  if (p.timing) p.run_timed();
  else p.run();
  p.share_outputs(inputs, outputs);
}

void Plan::start_timing() const { impl_->timing = true; }

std::vector<std::vector<StepTime>> Plan::stop_timing() const {
  impl_->timing = false;
  return std::exchange(impl_->times, {});
}

const PlanReport& Plan::report() const { return impl_->program->report; }
std::string Plan::to_string() const { return plan::to_string(report()); }
const std::vector<Type>& Plan::input_types() const { return impl_->program->input_types; }
const std::vector<Type>& Plan::output_types() const { return impl_->program->output_types; }

std::shared_ptr<Plan> Plan::compile(const Graph& graph, const std::vector<Alias>& aliases, const PlanOptions& options) {
  Bodies bodies(options);
  auto impl = std::make_unique<Impl>();
  impl->program = Program::compile(graph, aliases, Outputs::shared, bodies);
  impl->arena = Buffer::allocate(impl->program->report.arena_bytes);
  impl->slots.resize(graph.inputs.size() + graph.outputs.size());
  impl->detached.resize(graph.outputs.size());
  return std::shared_ptr<Plan>(new Plan(std::move(impl)));
}

}  // namespace nnx
