#include "train/population.h"

#include <array>
#include <memory>

#include "base/side_by_side.h"
#include "train/lockstep.h"
#include "train/population_engine.h"

namespace nnx {
namespace {

// What runs of a population may have of their own. The parts that are built from the config are compared as objects.
constexpr std::array<std::string_view, 9> own_keys{"seed", "output_dir", "data.prefetch", "model", "modules",
                                                   "loss", "optimizer",  "init_from",     "surgery"};

// Where two runs differ in more than numbers; "" when they do not.
std::string difference(const Setup& a, const Setup& b) {
  if (std::string key = differing_key(a.resolved, b.resolved, own_keys); !key.empty()) return key;
  const auto roots = [](const Setup& s) { return roots_of(s.model, s.optimizer, s.objective); };
  const auto built = structural_difference(roots(a), roots(b));
  return built ? to_string(*built) : "";
}

}  // namespace

std::vector<Population> populations_of(std::span<Setup* const> setups) {
  std::vector<Population> populations;
  for (size_t i = 0; i < setups.size(); ++i) {
    std::string differs;
    Population* fitting = nullptr;
    for (Population& p : populations) {
      const std::string text = difference(*setups[p.members[0]], *setups[i]);
      if (text.empty()) fitting = &p;
      if (fitting) break;
      if (differs.empty()) differs = text;
    }
    if (fitting) fitting->members.push_back(i);
    else populations.push_back({{i}, differs});
  }
  return populations;
}

std::vector<RunOutcome> train_population(std::span<Setup* const> setups, std::span<const std::optional<TrainOptions>> options, int threads) {
  std::vector<RunOutcome> outcomes(setups.size());
  std::vector<std::unique_ptr<TrainingRun>> runs(setups.size());
  PopulationEngine engine({setups.begin(), setups.end()}, threads);
  side_by_side(setups.size(), file_threads, [&](size_t i) {
    if (!options[i]) return;
    try {
      runs[i] = std::make_unique<TrainingRun>(*setups[i], *options[i]);
    } catch (const Error&) {
      outcomes[i].error = std::current_exception();
      return;
    }
    runs[i]->attempt([&] { runs[i]->begin(); });
  });
  std::vector<TrainingRun*> together;
  for (const auto& run : runs) together.push_back(run.get());
  train_in_lockstep(together, engine);
  for (size_t i = 0; i < setups.size(); ++i)
    if (runs[i]) outcomes[i] = {runs[i]->summary(), runs[i]->error()};
  return outcomes;
}

}  // namespace nnx
