// Small plans, where a step costs mostly what surrounds its arithmetic: the guide's MLP (2, 16, 10) at batch 5 with
// dropout and batch normalisation, and five MLPs 10-32-10 one after the other at batch 64. Of each train step: the
// lifted call, and the same Plan run by itself on Buffers of its own, in turn. A guarded step checks loss and gradients
// first.
//
//   build/tests/bench_small_plans [rounds] [calls a round]
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "bench/models.h"
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

struct Rounds {
  int count, repeats;
};

template <class Step>
void measure(const char* name, const Step& step, auto model, Ref<optim::Transformation> rule, const Array& x,
             const Array& y, const Rounds& rounds) {
  auto optimizer = make<Optimizer>(model, rule);
  step(model, optimizer, x, y);
  auto* plan = const_cast<Plan*>(step.plan());  // run aside, on other Buffers
  OwnInputs own(*plan);
  const auto seconds =
      bench::time_in_turn({[&] { step(model, optimizer, x, y); }, [&] { plan->run(own.holders, own.outputs); }},
                          rounds.count, rounds.repeats);
  std::vector<double> differences;
  for (size_t r = 0; r < seconds[0].size(); ++r) differences.push_back(1e6 * (seconds[0][r] - seconds[1][r]));
  fmt::print("{:<28} {:>6} {:>7} {:>10.2f} {:>10.2f} {:>10.2f}\n", name, plan->report().steps.size(),
             plan->input_types().size(), 1e6 * bench::median(seconds[1]), 1e6 * bench::median(seconds[0]),
             bench::median(differences));
}

}  // namespace

int main(int argc, char** argv) {
  using bench::MLP, bench::MlpStack, bench::train_step;
  const Rounds rounds{argc > 1 ? std::atoi(argv[1]) : 1001, argc > 2 ? std::atoi(argv[2]) : 40};
  const Rounds longer{rounds.count, rounds.repeats / 4 + 1};
  Rngs rngs(0);
  const auto draw = [&](Shape shape) { return random::normal(rngs.params(), shape); };
  const auto guide = [&] { return make<MLP>(2, 16, 10, rngs); };
  const auto stack = [&] { return make<MlpStack>(5, 10, 32, rngs); };
  const Array x = draw({5, 2}), y = draw({5, 10});
  const Array wide_x = draw({64, 10}), wide_y = draw({64, 10});

  fmt::print("{:<28} {:>6} {:>7} {:>10} {:>10} {:>10}   (microseconds, medians of {} rounds in turn)\n", "", "steps",
             "inputs", "Plan::run", "call", "over it", rounds.count);
  measure("guide's MLP, adam", jit(train_step<MLP>), guide(), optim::adam(1e-3), x, y, rounds);
  measure("guide's MLP, adam, guarded", jit(train_step<MLP, true>), guide(), optim::adam(1e-3), x, y, rounds);
  measure("guide's MLP, sgd", jit(train_step<MLP>), guide(), optim::sgd(1e-3), x, y, rounds);
  measure("five MLPs, adam", jit(train_step<MlpStack>), stack(), optim::adam(1e-3), wide_x, wide_y, longer);
  measure("five MLPs, adam, guarded", jit(train_step<MlpStack, true>), stack(), optim::adam(1e-3), wide_x, wide_y,
          longer);
}
