// What a cached lifted call costs beyond its plan: the guide's train step called through jit, and the same Plan run by
// itself on Buffers of its own, in turn.
//
//   build/tests/bench_lifted_call [rounds] [calls a round]
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "bench/guide_mlp.h"
#include "bench/timing.h"
#include "optim/optim.h"
#include "plan/plan.h"

namespace {

using namespace nnx;

// Inputs of a plan that nobody else holds, filled with small values.
struct OwnInputs {
  std::vector<BufferRef> buffers, outputs;
  std::vector<BufferRef*> holders;
  explicit OwnInputs(const Plan& plan) : outputs(plan.output_types().size()) {
    for (const Type& t : plan.input_types()) {
      buffers.push_back(Buffer::allocate(t.bytes()));
      std::memset(buffers.back()->data(), 0, t.bytes());
      if (t.dtype == DType::f32) std::fill_n(buffers.back()->as<float>(), t.size(), 0.01f);
    }
    for (BufferRef& b : buffers) holders.push_back(&b);
  }
};

size_t variables_of(Ref<Optimizer> optimizer) {
  auto [graphdef, all] = split(optimizer, rest);
  return all.size();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1001, repeats = argc > 2 ? std::atoi(argv[2]) : 40;
  Rngs rngs(0);
  auto model = make<bench::MLP>(2, 16, 10, rngs);
  auto optimizer = make<Optimizer>(model, optim::adam(1e-3));
  const Array x = random::normal(rngs.params(), {5, 2}), y = random::normal(rngs.params(), {5, 10});
  const auto step = jit(bench::train_step);
  step(model, optimizer, x, y);
  auto* plan = const_cast<Plan*>(step.plan());  // run aside, on other Buffers
  OwnInputs own(*plan);

  const auto seconds = bench::time_in_turn({[&] { step(model, optimizer, x, y); },
                                            [&] { plan->run(own.holders, own.outputs); }},
                                           rounds, repeats);
  std::vector<double> ratios, differences;
  for (size_t r = 0; r < seconds[0].size(); ++r) {
    ratios.push_back(seconds[0][r] / seconds[1][r]);
    differences.push_back(1e6 * (seconds[0][r] - seconds[1][r]));
  }
  fmt::print("{} Variables, {} plan inputs, {} steps\n", variables_of(optimizer), plan->input_types().size(),
             plan->report().steps.size());
  fmt::print("call {:.2f} us, plan {:.2f} us, ratio {:.3f}, over the plan {:.2f} us ({} rounds in turn, medians)\n",
             1e6 * bench::median(seconds[0]), 1e6 * bench::median(seconds[1]), bench::median(ratios),
             bench::median(differences), ratios.size());
}
