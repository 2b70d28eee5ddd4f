#include "train/train_config.h"

#include <doctest/doctest.h>

#include "config/parse.h"

using namespace nnx;

TEST_CASE("a resumed run may change how long it runs, not what it computes") {
  const auto changed = [](const char* before, const char* now) {
    return changed_key(parse_yaml(before, "a"), parse_yaml(now, "b"));
  };
  CHECK(changed("{seed: 0, train: {epochs: 2, keep: 3}}", "{seed: 0, train: {epochs: 9, keep: 4}}") == "");
  CHECK(changed("{seed: 0}", "{seed: 1}") == "seed");
  CHECK(changed("optimizer: {learning_rate: 1e-3}", "optimizer: {learning_rate: 0.001}") == "");
  CHECK(changed("optimizer: {learning_rate: 1e-3}", "optimizer: {learning_rate: 0.002}") == "optimizer.learning_rate");
  CHECK(changed("model: {layers: [a, b]}", "model: {layers: [a]}") == "model.layers[1]");
  CHECK(changed("model: {layers: [a]}", "model: {layers: [a, b]}") == "model.layers[1]");
  CHECK(changed("train: {early_stop: null}", "train: {early_stop: {patience: 3}}") == "");
  CHECK(changed("{output_dir: a, output_directory: b}", "{output_dir: c, output_directory: d}") == "output_directory");
}

TEST_CASE("every key of the trainer says what it is for") {
  const std::vector<FieldDoc> keys = describe_fields<TrainConfig>();
  const auto check_all = [](const auto& self, const std::vector<FieldDoc>& docs, const std::string& above) -> void {
    for (const FieldDoc& doc : docs) {
      CAPTURE(above + doc.name);
      if (doc.fields.empty()) CHECK_FALSE(doc.help.empty());
      self(self, doc.fields, above + doc.name + ".");
    }
  };
  check_all(check_all, keys, "");
}
