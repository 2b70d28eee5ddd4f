// Ensembles: 32 copies of the guide's model trained by one vmapped step, against 32 calls of the single step.
//
//   build/tests/bench_ensemble [rounds] [--plan]
#include <fmt/format.h>

#include <cstdlib>

#include "bench/models.h"
#include "bench/timing.h"
#include "optim/optim.h"
#include "plan/plan.h"

namespace {

using namespace nnx;

struct Trainer {
  Ref<bench::MLP> model;
  Ref<Optimizer> optimizer;
};

Trainer make_trainer(Rngs& rngs) {
  auto model = make<bench::MLP>(2, 16, 10, rngs);
  auto optimizer = make<Optimizer>(model, optim::adam(1e-3));
  return {model, optimizer};
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 301;
  constexpr int64_t copies = 32;
  Rngs rngs(0);
  const Trainer one = make_trainer(rngs);
  const auto create = vmap(
      [](Ref<Rngs> inner) {
        const Trainer t = make_trainer(*inner);
        return std::tuple(t.model, t.optimizer);
      },
      {.axis_size = copies});
  const auto [models, optimizers] = create(make<Rngs>(0));
  const Array x = random::normal(rngs.params(), {5, 2}), y = random::normal(rngs.params(), {5, 10});
  const auto step = jit(bench::train_step<bench::MLP>);
  const auto ensemble = jit(vmap(bench::train_step<bench::MLP>, {.in_axes = {0, 0, no_axis, no_axis}}));
  step(one.model, one.optimizer, x, y);
  ensemble(models, optimizers, x, y);
  if (argc > 2) fmt::print("{}\n{}\n", step.plan()->to_string(), ensemble.plan()->to_string());

  const auto seconds = bench::time_in_turn({[&] { ensemble(models, optimizers, x, y); },
                                            [&] { for (int64_t i = 0; i < copies; ++i) step(one.model, one.optimizer, x, y); }},
                                           rounds, 3);
  std::vector<double> ratios;
  for (size_t r = 0; r < seconds[0].size(); ++r) ratios.push_back(seconds[0][r] / seconds[1][r]);
  fmt::print("one step of {} copies {:.1f} us, {} single steps {:.1f} us, ratio {:.3f} ({} rounds in turn, medians)\n", copies,
             1e6 * bench::median(seconds[0]), copies, 1e6 * bench::median(seconds[1]), bench::median(ratios), rounds);
}
