#include "train/metrics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "help.h"

using namespace nnx;

TEST_CASE("a record is one line of JSON with the shortest numbers, and no time") {
  CHECK(to_json_line({.step = 22,
                      .epoch = 1,
                      .split = "train",
                      .metrics = {{{"loss", 0.1}, {"accuracy", 0.875}}},
                      .learning_rate = 0.001f}) ==
        "{\"step\":22,\"epoch\":1,\"split\":\"train\",\"loss\":0.1,\"accuracy\":0.875,\"lr\":0.001}\n");
  CHECK(to_json_line({.step = 1, .epoch = 1, .split = "test", .metrics = {{{"loss", std::nan("")}}}}) ==
        "{\"step\":1,\"epoch\":1,\"split\":\"test\",\"loss\":null}\n");
}

TEST_CASE("means are over examples, not over batches") {
  MetricSums sums;
  sums.add({.values = {8, 4}, .count = 4});
  sums.add({.values = {1, 0}, .count = 1});
  CHECK(means(sums, {"loss", "accuracy"}).loss() == 1.8);
  CHECK(means(sums, {"loss", "accuracy"}).accuracy() == 0.8);
  CHECK_FALSE(means(sums, {"loss", "pixels_loss"}).accuracy().has_value());
  CHECK(means(sums, {"loss", "pixels_loss"}).find("pixels_loss") == 0.8);
}

TEST_CASE("a file of lines goes on where it is told to") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
  {
    LineFile file(path, 0);
    file.append("one\n");
    CHECK(file.bytes() == 4);
    file.append("two\n");
    file.sync();
  }
  {
    LineFile file(path, 4);
    file.append("three\n");
  }
  CHECK(test::read_file(path) == "one\nthree\n");
  const test::Caught error = test::caught([&] { LineFile file(path, 100); });
  CHECK(error.code == 65);
  CHECK(error.text == path + ": expected a file of at least 100 bytes, as the checkpoint says, got 10");
  CHECK(test::caught([&] { LineFile file(folder / "no/such.jsonl", 0); }).code == 73);
}
