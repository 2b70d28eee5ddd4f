// The bench measures what it says: counts, consistency of its figures, and that the model it times is really trained.
#include "train/bench.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <algorithm>

#include "support/paths.h"
#include "train/inspect.h"

using namespace nnx;

namespace {

TrainSource workload(const std::string& name, std::vector<std::string> arguments = {}) {
  return {.files = {nnx::test::source_dir() + "/configs/bench/" + name}, .arguments = std::move(arguments)};
}

}  // namespace

TEST_CASE("bench: the figures fit each other") {
  Setup setup = prepare(workload("w1s.yaml"));
  const BenchResult r = bench(setup, {.steps = 500, .warm_up_seconds = 0.01});
  CHECK(r.batch_size == 5);
  CHECK(r.steps == 500);
  CHECK(r.block_ms.size() == 5);
  CHECK(r.min <= r.p10);
  CHECK(r.p10 <= r.p90);
  CHECK(std::ranges::count_if(r.block_ms, [&](double ms) { return ms <= r.ms; }) >= 3);
  CHECK(r.samples_per_second == doctest::Approx(5000 / r.ms));
  CHECK(r.gflops == doctest::Approx(r.gflop / r.ms * 1e3));
  CHECK(r.peak_share == doctest::Approx(r.gflops / r.peak_gflops));
  CHECK(r.peak_gflops > 0.5);
  CHECK(r.loss_after < 0.5 * r.loss_before);  // it trains
  // Three products forward and backward for each Linear but the first, whose input needs no gradient.
  const double products = 2.0 * 5 * (3 * 16 * 10 + 2 * 2 * 16);
  CHECK(r.gflop * 1e9 > products);
  const TrainStep step = compiled_train_step(setup);
  CHECK(r.plan_steps == static_cast<int64_t>(step.plan()->report().steps.size()));
  CHECK(to_string(r).find(" of ") != std::string::npos);
}

TEST_CASE("bench: without a number of steps it takes the time it is given") {
  Setup setup = prepare(workload("w1s.yaml"));
  const BenchResult r = bench(setup, {.seconds = 0.05, .warm_up_seconds = 0, .blocks = 2});
  CHECK(r.steps >= 8);
  CHECK(r.block_ms.size() == 2);
}

TEST_CASE("plan: JSON of the training step") {
  Setup setup = prepare(workload("w1s.yaml"));
  const TrainStep step = compiled_train_step(setup);
  const auto seen = nlohmann::json::parse(to_json(step.plan()->report()));
  CHECK(seen["steps"].size() == step.plan()->report().steps.size());
  CHECK(seen["arena_bytes"] == step.plan()->report().arena_bytes);
  double flops = 0;
  for (const auto& s : seen["steps"]) flops += s["flops"].get<double>();
  CHECK(flops == doctest::Approx(seen["flops"].get<double>()));
}

TEST_CASE("every workload of configs/bench can be prepared") {
  for (const char* name : {"w1.yaml", "w1s.yaml", "w2.yaml", "w8.yaml"}) {
    const Setup setup = prepare(workload(name));
    CHECK(setup.total_steps > 0);
  }
}
