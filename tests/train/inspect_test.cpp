// What inspect says of a checkpoint, without the code of its model.
#include "train/inspect.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "nn/batch_norm.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "optim/optim.h"
#include "optim/optimizer.h"

using namespace nnx;
using nlohmann::json;

namespace {

struct Run {
  std::filesystem::path path;
  Run() {
    std::string name = (std::filesystem::temp_directory_path() / "nnx-inspect-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
    Rngs rngs(0);
    const auto model = make<Sequential>(std::vector<std::pair<std::string, Ref<Layer>>>{
        {"linear1", make<Linear>(2, 3, rngs)}, {"bn", make<BatchNorm>(3, rngs)}});
    const auto optimizer = make<Optimizer>(model, optim::adam(1e-3));
    CheckpointStore store(path, "test");
    for (const int64_t step : {5, 10}) {
      Checkpoint checkpoint{.step = step,
                            .graphdef = graphdef(model),
                            .partitions = partition(state(model)),
                            .progress = R"({"epoch": 1})",
                            .environment = "{}"};
      checkpoint.partitions["opt_state"] = state(optimizer, of<OptState>);
      store.save(checkpoint);
    }
    store.mark_best(5);
  }
  ~Run() { std::filesystem::remove_all(path); }
};

ErrorKind kind_of(auto&& f) {
  try {
    f();
  } catch (const Error& e) { return e.kind(); }
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("inspect: the newest, the best, a step, or a checkpoint directory") {
  const Run run;
  CHECK(inspect(run.path).checkpoint.step == 10);
  CHECK(inspect(run.path, "best").checkpoint.step == 5);
  CHECK(inspect(run.path, "5").checkpoint.step == 5);
  const auto directory = inspect(run.path).directory;
  CHECK(directory.filename() == "step-00000010");
  CHECK(inspect(directory).checkpoint.step == 10);
  CHECK(kind_of([&] { inspect(run.path, "7"); }) == ErrorKind::missing);
  CHECK(kind_of([&] { inspect(run.path, "seven"); }) == ErrorKind::usage);
  CHECK(kind_of([&] { inspect(run.path, "-5"); }) == ErrorKind::usage);
  CHECK(kind_of([&] { inspect(directory, "5"); }) == ErrorKind::usage);
  CHECK(kind_of([&] { inspect(run.path / "nothing"); }) == ErrorKind::missing);
}

TEST_CASE("inspect: what a selector matches, and the layers on the way there") {
  const Run run;
  const Inspection seen = inspect(run.path, "", "linear1");
  CHECK(seen.checkpoint.partitions.size() == 1);
  CHECK(seen.checkpoint.partitions.at("params").paths() == std::vector<std::string>{"linear1.bias", "linear1.kernel"});
  std::vector<std::string> layers;
  for (const TableRow& row : seen.layers.rows) layers.push_back(row.path);
  CHECK(layers == std::vector<std::string>{".", "linear1"});
  CHECK(inspect(run.path, "", "{type: Linear, shape: ['*', 3]}").model.paths() == std::vector<std::string>{"linear1.kernel"});
  CHECK(inspect(run.path, "", "{not: Param}").model.paths() == std::vector<std::string>{"bn.mean", "bn.var"});
  CHECK_FALSE(to_text(seen).empty());
  CHECK_FALSE(to_json(seen).empty());
  CHECK(kind_of([&] { inspect(run.path, "", "linaer1"); }) == ErrorKind::usage);
  CHECK(kind_of([&] { inspect(run.path, "", "{typ: Linear}"); }) == ErrorKind::config);
}

TEST_CASE("inspect: text has the tree, the partitions and the table") {
  const Run run;
  const std::string text = to_text(inspect(run.path));
  const auto has = [&](const std::string& part) {
    CHECK_MESSAGE(text.find(part) != std::string::npos, "no '" << part << "' in\n" << text);
  };
  has("step-00000010: step 10\n");
  has("Sequential  # 21 (84 B): BatchStat 6 (24 B), Param 15 (60 B)\n");
  has("    kernel: Param f32[2,3] 24 B\n");
  has("batch_stats: 2 leaves, 6 elements, 24 B\n");
  has("params: 4 leaves, 15 elements, 60 B\n");
  has("opt_state: ");
  has("  bn.var   BatchStat  f32[3]  [1, 1, 1]   12 B\n");
  has("linear1  Linear      bias f32[3], kernel f32[2,3]");
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("inspect: a page has the model, its layers and the optimizer") {
  const Run run;
  const std::string page = to_html(inspect(run.path));
  for (const char* part : {", step 10</title>", "\"heading\":\"Model\"", "\"heading\":\"Layers\"",
                           "\"heading\":\"Optimizer\"", "\"key\":\"kernel\",\"name\":\"Param\""})
    CHECK_MESSAGE(page.find(part) != std::string::npos, "no '" << part << "' in the page");
}

TEST_CASE("inspect: JSON says the same in numbers") {
  const Run run;
  const json seen = json::parse(to_json(inspect(run.path)));
  CHECK(seen["step"] == 10);
  CHECK(seen["progress"]["epoch"] == 1);
  CHECK(seen["totals"]["Param"] == json{{"elements", 15}, {"bytes", 60}});
  const json& stats = seen["partitions"]["batch_stats"];
  CHECK(stats["bytes"] == 24);
  CHECK(stats["leaves"][1]["path"] == "bn.var");
  CHECK(stats["leaves"][1]["shape"] == json{3});
  CHECK(stats["leaves"][1]["dtype"] == "f32");
  CHECK(stats["leaves"][1]["mean"] == 1.0);
  CHECK(stats["leaves"][1]["non_finite"] == 0);
  CHECK(seen["layers"].size() == 3);
  CHECK(seen["graphdef"].contains("nodes"));
}
