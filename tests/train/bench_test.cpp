// The bench measures what it says: counts, consistency of its figures, and that the model it times is really trained.
#include "train/bench.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/paths.h"
#include "train/inspect.h"
#include "train/profile.h"

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
  CHECK(r.mean >= r.min);
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

TEST_CASE("bench: a line of the table has the figures of its workload") {
  Setup setup = prepare(workload("w1s.yaml"));
  BenchResult r = bench(setup, {.steps = 20, .warm_up_seconds = 0, .blocks = 2});
  r.config = "w1s.yaml";
  const std::string head = table_head(12), line = table_line(r, 12);
  CHECK(head.size() == line.size());   // the columns are those of the head
  std::istringstream words(line);
  std::string name;
  int64_t batch = 0;
  double ms = 0;
  words >> name >> batch >> ms;
  CHECK(name == "w1s.yaml");
  CHECK(batch == 5);
  CHECK(ms == doctest::Approx(r.ms).epsilon(0.05));
  CHECK(line.find(fmt::format(" {} ", r.plan_steps)) != std::string::npos);
}

TEST_CASE("the arena of a training step is hardly larger than what is alive in it at once") {
  for (const char* name : {"w1.yaml", "w2.yaml", "w2_erf.yaml", "w8.yaml", "w8b.yaml", "w9.yaml"}) {
    CAPTURE(name);
    Setup setup = prepare(workload(name));
    const TrainStep step = compiled_train_step(setup);
    const PlanReport& report = step.plan()->report();
    CHECK(report.live_bytes > 0);
    CHECK(static_cast<double>(report.arena_bytes) <= 1.15 * static_cast<double>(report.live_bytes));
  }
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

TEST_CASE("a profile has the time of every step, and its trace is one run") {
  Setup setup = prepare(workload("w1s.yaml"));
  const PlanProfile p = profile(setup, 7);
  const size_t steps = p.report.steps.size();
  REQUIRE(p.seconds.size() == steps);
  CHECK(p.runs == 7);
  CHECK(std::ranges::all_of(p.seconds, [](double s) { return s > 0; }));
  CHECK(std::ranges::all_of(p.roofline, [](double s) { return s > 0; }));
  CHECK(p.run_seconds >= *std::ranges::max_element(p.seconds));

  const auto trace = nlohmann::json::parse(to_trace(p))["traceEvents"];
  REQUIRE(trace.size() == steps);
  for (size_t s = 0; s < steps; ++s) {
    CHECK(trace[s]["cat"] == p.report.steps[s].kernel);
    if (s > 0) CHECK(trace[s]["ts"] >= trace[s - 1]["ts"].get<double>() + trace[s - 1]["dur"].get<double>());
  }
  const auto seen = nlohmann::json::parse(to_json(p));
  CHECK(seen["steps"][0]["seconds"] == p.seconds[0]);
  CHECK(seen["arena_bytes"] == p.report.arena_bytes);

  // The table: a heading, the steps with the dearest first, a line of totals.
  const std::string table = to_string(p, 3);
  CHECK(std::ranges::count(table, '\n') == 5);
  const auto dearest = std::ranges::max_element(p.seconds) - p.seconds.begin();
  CHECK(std::stoi(table.substr(table.find('\n') + 1)) == dearest);
}

TEST_CASE("every workload of configs/bench can be prepared") {
  for (const char* name : {"w1.yaml", "w1s.yaml", "w2.yaml", "w2_erf.yaml", "w8.yaml", "w8b.yaml", "w9.yaml"}) {
    const Setup setup = prepare(workload(name));
    CHECK(setup.total_steps > 0);
  }
}
