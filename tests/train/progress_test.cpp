#include "train/progress.h"

#include <doctest/doctest.h>

#include <limits>

#include "help.h"

using namespace nnx;

TEST_CASE("progress comes back from its text bit for bit") {
  TrainProgress p;
  p.step = 1234567;
  p.cursor = {.epoch = 3, .batch = 17};
  p.since_record = {.values = {0.1 + 0.2, 3}, .count = 64};
  p.this_epoch = {.values = {1e-310, 1}, .count = 2};
  p.train = Metrics{{{"loss", 1.0 / 3}, {"digit_loss", 0.1}, {"accuracy", 2.0 / 3}}};
  p.validation = Metrics{{{"loss", 4.9406564584124654e-324}}};
  p.best = BestResult{.step = 12, .value = 0.30000000000000004};
  p.without_improvement = 4;
  p.stopped_early = true;
  p.learning_rate = 0.1f;
  p.metrics_bytes = 987;
  const TrainProgress q = parse_progress(to_json(p), "here");
  CHECK(to_json(q) == to_json(p));
  CHECK(q.since_record.values == p.since_record.values);
  CHECK(q.this_epoch.values == p.this_epoch.values);
  CHECK(q.train->values == p.train->values);
  CHECK(q.validation->values == p.validation->values);
  CHECK(q.best->value == p.best->value);
  CHECK(q.learning_rate == p.learning_rate);
  CHECK(q.cursor == p.cursor);
}

TEST_CASE("damaged progress is refused") {
  const std::string good = to_json(TrainProgress{});
  for (const std::string& bad :
       {std::string("{}"), std::string("["), good.substr(0, good.size() - 1), std::string("null")})
    CHECK(test::caught([&] { parse_progress(bad, "step-7"); }).code == 65);
  TrainProgress negative;
  negative.metrics_bytes = -1;
  CHECK(test::caught([&] { parse_progress(to_json(negative), "step-7"); }).text ==
        "step-7: the progress holds a negative count");
}
