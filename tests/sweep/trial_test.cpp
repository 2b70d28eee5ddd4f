// Which trials a sweep has.
#include "sweep/trial.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "sweep/rungs.h"
#include "sweep/sobol.h"

using namespace nnx;

namespace {

SweepSpec ranges(SweepMethod method, int64_t trials) {
  SweepSpec spec;
  spec.method = method;
  spec.run_cap = trials;
  add_arguments(spec, {"lr=log(1e-4,1e-1)", "width=int(1,8)", "batch=32,64,128"});
  return spec;
}

double number(const Setting& s) { return std::stod(s.value); }

}  // namespace

TEST_CASE("a grid has every combination once, the last parameter fastest") {
  SweepSpec spec;
  spec.method = SweepMethod::grid;
  add_arguments(spec, {"a=1,2", "b=x,y,z"});
  std::vector<std::string> points;
  for (const Trial& trial : choose_trials(spec)) points.push_back(trial.point_text());
  CHECK(points == std::vector<std::string>{"a=1 b=x", "a=1 b=y", "a=1 b=z", "a=2 b=x", "a=2 b=y", "a=2 b=z"});
}

TEST_CASE("random trials stay in their ranges, and trial i is the same in a longer sweep") {
  const std::vector<Trial> few = choose_trials(ranges(SweepMethod::random, 5)), many = choose_trials(ranges(SweepMethod::random, 200));
  for (size_t i = 0; i < few.size(); ++i) CHECK(few[i].point_text() == many[i].point_text());
  std::set<std::string> widths, batches;
  double logs = 0;
  for (const Trial& trial : many) {
    CHECK(number(trial.point[0]) >= 1e-4);
    CHECK(number(trial.point[0]) <= 1e-1);
    logs += std::log10(number(trial.point[0])) / 200;
    widths.insert(trial.point[1].value);
    batches.insert(trial.point[2].value);
  }
  CHECK(std::abs(logs + 2.5) < 0.25);   // uniform in the logarithm: 200 draws, standard error 0.06
  CHECK(widths.size() == 8);
  CHECK(batches.size() == 3);
  SweepSpec other = ranges(SweepMethod::random, 5);
  other.seed = 1;
  CHECK(choose_trials(other)[0].point_text() != few[0].point_text());
}

TEST_CASE("the Sobol sequence begins as published, and every axis is stratified") {
  // Joe and Kuo's first points in three dimensions.
  const std::vector<std::vector<double>> first{{0, 0, 0}, {.5, .5, .5}, {.75, .25, .25}, {.25, .75, .75}, {.375, .375, .625}, {.875, .875, .125}};
  for (uint32_t i = 0; i < first.size(); ++i) {
    const std::vector<uint32_t> point = sobol_point(i, 3);
    for (size_t d = 0; d < 3; ++d) CHECK(point[d] / 4294967296.0 == first[i][d]);
  }
  for (int d = 0; d < max_sobol_dimensions; ++d) {
    std::set<uint32_t> cells;
    for (uint32_t i = 64; i < 128; ++i) cells.insert(sobol_point(i, max_sobol_dimensions)[static_cast<size_t>(d)] >> 26);
    CHECK(cells.size() == 64);
  }
}

TEST_CASE("a Sobol sweep fills each range evenly") {
  std::set<int> parts;
  for (const Trial& trial : choose_trials(ranges(SweepMethod::sobol, 16)))
    parts.insert(static_cast<int>(std::floor((std::log10(number(trial.point[0])) + 4) / 3 * 16)));
  CHECK(parts.size() >= 15);   // a value at a boundary may round over it
}

TEST_CASE("early termination keeps the best of those that have come that far") {
  const EarlyTerminate rule{.min_epochs = 1, .eta = 3};
  CHECK(goes_on(rule, false, 1, 9.0, {}));              // the first always goes on
  CHECK(goes_on(rule, false, 2, 9.0, {1, 2, 3}));       // no rung
  CHECK(goes_on(rule, false, 3, 1.5, {2, 3}));
  CHECK_FALSE(goes_on(rule, false, 3, 2.5, {2, 3}));
  CHECK(goes_on(rule, true, 9, 0.9, {0.1, 0.95, 0.3, 0.2}));   // second of five: two places
  CHECK_FALSE(goes_on(rule, true, 9, 0.25, {0.1, 0.95, 0.3}));
}
