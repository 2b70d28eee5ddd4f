#include "train/estimate.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/write.h"
#include "nnx/summary.h"
#include "train/bench.h"

namespace nnx {
namespace {

size_t bytes_of(const Dataset& data) {
  return (data.features ? data.features->bytes() : 0) + (data.targets ? data.targets->bytes() : 0);
}

}  // namespace

Estimate estimate(Setup& setup) {
  const RunData& data = setup.data;
  const State all = state(setup.model), params = state(setup.model, of<Param>);
  Estimate out{.parameters = params.elements(),
               .state_elements = all.elements() - params.elements(),
               .train_rows = data.train.rows,
               .validation_rows = data.validation ? data.validation->rows : 0,
               .test_rows = data.test ? data.test->rows : 0,
               .steps = setup.total_steps,
               .model_bytes = all.bytes(),
               .optimizer_bytes = state(setup.optimizer, of<OptState>).bytes(),
               .data_bytes = bytes_of(data.train)};
  if (data.validation) out.data_bytes += bytes_of(*data.validation);
  if (data.test) out.data_bytes += bytes_of(*data.test);
  const LoaderOptions& loader = setup.config.data.loader;
  const size_t row = bytes_of(data.train) / static_cast<size_t>(std::max<int64_t>(data.train.rows, 1));
  out.prefetch_bytes = row * static_cast<size_t>(loader.batch_size) * static_cast<size_t>(batches_ahead(loader));
  const TrainStep step = compiled_train_step(setup);
  const PlanReport& report = step.plan()->report();
  out.step_bytes = report.arena_bytes + report.constant_bytes;
  out.total_bytes = out.model_bytes + out.optimizer_bytes + out.data_bytes + out.prefetch_bytes + out.step_bytes;
  return out;
}

std::string to_text(const Estimate& e) {
  std::string rows = fmt::format("{} training", grouped(e.train_rows));
  if (e.validation_rows) rows += fmt::format(", {} validation", grouped(e.validation_rows));
  if (e.test_rows) rows += fmt::format(", {} test", grouped(e.test_rows));
  return fmt::format(
      "rows     {}\nmodel    {} parameters, {} other values of state\nsteps    {}\n"
      "memory   {}: data {}, batches gathered ahead {}, model {}, optimizer {}, step {}\n",
      rows, grouped(e.parameters), grouped(e.state_elements), grouped(e.steps),
      byte_text(e.total_bytes), byte_text(e.data_bytes), byte_text(e.prefetch_bytes), byte_text(e.model_bytes),
      byte_text(e.optimizer_bytes), byte_text(e.step_bytes));
}

std::string to_json(const Estimate& e) { return to_json(to_config(e)) + "\n"; }

}  // namespace nnx
