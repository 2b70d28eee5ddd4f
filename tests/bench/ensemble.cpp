// Ensembles: 32 copies of the guide's model trained by one batched step, against 32 single steps.
//
//   build/tests/bench_ensemble [rounds]
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "bench/guide_mlp.h"
#include "bench/timing.h"
#include "optim/optim.h"
#include "plan/plan.h"
#include "transform/vmap.h"

namespace {

using namespace nnx;

// The train step as a Graph: (x, y, state leaves...) -> (loss, new state leaves...).
struct StepGraph {
  Graph graph;
  std::vector<Alias> aliases;
  Arrays inputs;
};

StepGraph step_graph(Ref<Optimizer> optimizer, const Array& x, const Array& y) {
  auto [graphdef, state] = split(optimizer, rest);
  StepGraph result;
  result.inputs = {x, y};
  for (const auto& [path, leaf] : state) result.inputs.push_back(leaf.value);
  std::vector<Type> types;
  for (const Array& a : result.inputs) types.push_back(a.type());
  result.graph = trace(types, [&](std::span<const Array> in) {
    State traced = state;
    size_t next = 2;
    for (auto& [path, leaf] : traced) leaf.value = in[next++];
    auto copy = merge<Optimizer>(graphdef, traced);
    auto model = as<bench::MLP>(copy->model);
    Arrays out;
    out.push_back(bench::train_step(model, copy, in[0], in[1]));
    auto [after, values] = split(copy, rest);
    for (const auto& [path, leaf] : values) out.push_back(leaf.value);
    return out;
  }).graph;
  for (size_t i = 2; i < types.size(); ++i) result.aliases.push_back({static_cast<int>(i) - 1, static_cast<int>(i)});
  return result;
}

struct Session {
  std::shared_ptr<Plan> plan;
  std::vector<BufferRef> buffers, outputs;
  std::vector<BufferRef*> holders;
  Session(const Graph& graph, const std::vector<Alias>& aliases, const Arrays& values)
      : plan(Plan::compile(graph, aliases)), outputs(graph.outputs.size()) {
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t bytes = graph.input_types()[i].bytes(), one = values[i].type().bytes();
      buffers.push_back(Buffer::allocate(bytes));
      for (size_t at = 0; at < bytes; at += one)
        std::memcpy(buffers.back()->as<std::byte>() + at, values[i].buffer()->data(), one);
    }
    for (BufferRef& b : buffers) holders.push_back(&b);
  }
  void run() { plan->run(holders, outputs); }
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 301;
  constexpr int64_t copies = 32;
  Rngs rngs(0);
  auto model = make<bench::MLP>(2, 16, 10, rngs);
  auto optimizer = make<Optimizer>(model, optim::adam(1e-3));
  const Array x = random::normal(rngs.params(), {5, 2}), y = random::normal(rngs.params(), {5, 10});
  const StepGraph step = step_graph(optimizer, x, y);
  std::vector<bool> batched(step.inputs.size(), true);
  batched[0] = batched[1] = false;
  Session single(step.graph, step.aliases, step.inputs);
  Session ensemble(vmap(step.graph, batched, copies), step.aliases, step.inputs);
  if (argc > 2) fmt::print("{}\n{}\n", single.plan->to_string(), ensemble.plan->to_string());

  const auto seconds = bench::time_in_turn({[&] { ensemble.run(); },
                                            [&] { for (int64_t i = 0; i < copies; ++i) single.run(); }},
                                           rounds, 3);
  std::vector<double> ratios;
  for (size_t r = 0; r < seconds[0].size(); ++r) ratios.push_back(seconds[0][r] / seconds[1][r]);
  fmt::print("plans: ensemble of {} {:.1f} us, {} single steps {:.1f} us, ratio {:.3f} ({} rounds in turn, medians)\n", copies,
             1e6 * bench::median(seconds[0]), copies, 1e6 * bench::median(seconds[1]), bench::median(ratios), rounds);
}
