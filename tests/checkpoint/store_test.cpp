#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <limits>
#include <random>
#include <set>

#include "checkpoint/helpers.h"
#include "checkpoint/system_calls.h"

using namespace nnx;
using namespace nnx::test;

namespace {

std::vector<int64_t> sorted(const std::set<int64_t>& s) { return {s.begin(), s.end()}; }

}  // namespace

TEST_CASE("a checkpoint comes back whole, and merges into an equal model with its sharing") {
  const TemporaryDirectory run;
  CheckpointStore store(run.path / "a" / "run", "id-1");
  CHECK(store.steps().empty());
  std::vector<std::string> notes;
  CHECK_FALSE(store.newest(notes));
  const Checkpoint saved = checkpoint_of(1200);
  store.save(saved);
  CHECK(names_in(store.directory_of(1200)) ==
        std::vector<std::string>{"MANIFEST.json", "batch_stats.safetensors", "graphdef.json", "opt_state.safetensors",
                                 "params.safetensors", "rest.safetensors", "rng.safetensors"});
  CHECK(store.directory_of(1200).filename() == "step-00001200");
  const auto found = store.newest(notes);
  REQUIRE(found);
  CHECK(notes.empty());
  CHECK(difference(*found, saved) == "");
  CHECK(difference(store.read(1200), saved) == "");
  CHECK(difference(read_checkpoint(store.directory_of(1200)), saved) == "");

  auto parts = found->partitions;
  parts.erase("opt_state");
  std::vector<State> states;
  for (auto& [name, part] : parts) states.push_back(part);
  const auto model = as<Toy>(Ref<ModuleBase>(merge_states(found->graphdef, states)));
  CHECK(model->tied.same(model->layers[0]->kernel));
  CHECK(difference(state(model), state(toy())) == "");
  CHECK(graphdef(model) == saved.graphdef);
}

TEST_CASE("partition goes by kind and leaves nothing out") {
  const State all = state(toy());
  const auto parts = partition(all);
  size_t total = 0;
  for (const auto& [name, part] : parts) total += part.size();
  CHECK(total == all.size());
  CHECK(parts.at("rng").contains("rngs.streams.default.key"));
  CHECK(parts.at("batch_stats").paths() == std::vector<std::string>{"mean"});
  CHECK(parts.at("rest").paths() == std::vector<std::string>{"count", "plain"});
  CHECK(partition(State{}).empty());
}

TEST_CASE("same content, same bytes; only the manifest knows the run") {
  const TemporaryDirectory a, b;
  CheckpointStore(a.path, "one").save(checkpoint_of(7));
  CheckpointStore(b.path, "two").save(checkpoint_of(7));
  const fs::path x = a.path / "checkpoints/step-00000007", y = b.path / "checkpoints/step-00000007";
  for (const std::string& name : names_in(x)) {
    CAPTURE(name);
    CHECK((contents(x / name) == contents(y / name)) == (name != "MANIFEST.json"));
  }
  const std::string before = contents(x / "MANIFEST.json");
  const auto written = fs::last_write_time(x / "MANIFEST.json");
  CheckpointStore(a.path, "one").save(checkpoint_of(7));  // the same again: nothing to do
  CHECK(contents(x / "MANIFEST.json") == before);
  CHECK(fs::last_write_time(x / "MANIFEST.json") == written);
  CheckpointStore(a.path, "one").save(checkpoint_of(7, 9.5f));  // another content replaces it
  CHECK(difference(CheckpointStore(a.path, "one").read(7), checkpoint_of(7, 9.5f)) == "");
  CHECK(names_in(a.path / "checkpoints") == std::vector<std::string>{"step-00000007"});
}

TEST_CASE("saving over a damaged checkpoint keeps the damaged one for a look") {
  const TemporaryDirectory run;
  CheckpointStore store(run.path, "id");
  store.save(checkpoint_of(7));
  overwrite(store.directory_of(7) / "params.safetensors", "x");
  store.save(checkpoint_of(7));
  CHECK(difference(store.read(7), checkpoint_of(7)) == "");
  CHECK(names_in(run.path / "checkpoints") == std::vector<std::string>{".bad.step-00000007", "step-00000007"});
}

TEST_CASE("what must not be saved is refused and leaves nothing behind") {
  const TemporaryDirectory run;
  CheckpointStore store(run.path, "id");
  Checkpoint bad = checkpoint_of(1);
  bad.partitions["params"].set("layers.1.kernel",
                               array<float>({1, 2, std::numeric_limits<float>::quiet_NaN(), 4, 5, 6}, {2, 3}));
  Error e = error_of([&] { store.save(bad); });
  CHECK(e.kind() == ErrorKind::numeric);
  CHECK(mentions(e, "layers.1.kernel"));
  CHECK(mentions(e, "element 2"));
  bad = checkpoint_of(1);
  bad.partitions["params"].set("doubles", array<double>({0, -std::numeric_limits<double>::infinity()}, {2}));
  CHECK(error_of([&] { store.save(bad); }).kind() == ErrorKind::numeric);
  for (const std::string name : {"../x", "a/b", "", "Params", ".tmp", "9a", "a.b"}) {
    bad = checkpoint_of(1);
    bad.partitions[name] = bad.partitions["params"];
    CHECK(error_of([&] { store.save(bad); }).kind() == ErrorKind::structure);
  }
  bad = checkpoint_of(-1);
  CHECK(error_of([&] { store.save(bad); }).kind() == ErrorKind::structure);
  CHECK(names_in(run.path).empty());
  for (const std::string id : {"", "a/b", "a.b", "..", "\n"})
    CHECK(error_of([&] { CheckpointStore(run.path, id); }).kind() == ErrorKind::structure);
}

TEST_CASE("a directory that cannot be made or written is a clear error") {
  const TemporaryDirectory run;
  overwrite(run.path / "file", "x");
  const Error e = error_of([&] { CheckpointStore(run.path / "file", "id").save(checkpoint_of(1)); });
  CHECK(e.kind() == ErrorKind::cannot_create);
  CHECK(mentions(e, "file"));
  CHECK(error_of([&] { CheckpointStore(run.path / "file" / "run", "id").save(checkpoint_of(1)); }).kind() ==
        ErrorKind::cannot_create);
  overwrite(run.path / "checkpoints", "x");
  CHECK(mentions(error_of([&] { CheckpointStore(run.path, "id").save(checkpoint_of(1)); }), "is not a directory"));
  fs::remove(run.path / "checkpoints");
  fs::create_directory_symlink("/tmp", run.path / "checkpoints");
  const Error link = error_of([&] { CheckpointStore(run.path, "id").save(checkpoint_of(1)); });
  CHECK(link.kind() == ErrorKind::data);
  CHECK(mentions(link, "checkpoints"));
  CHECK(error_of([&] {
          CheckpointStore(fs::path(run.path) / std::string(300, 'n'), "id").save(checkpoint_of(1));
        }).kind() == ErrorKind::cannot_create);
}

TEST_CASE("another run's checkpoint is refused by a store of a run, and read by read_checkpoint") {
  const TemporaryDirectory a, b;
  CheckpointStore(a.path, "one").save(checkpoint_of(5));
  fs::create_directories(b.path / "checkpoints");
  fs::copy(a.path / "checkpoints", b.path / "checkpoints", fs::copy_options::recursive);
  CHECK(mentions(error_of([&] { CheckpointStore(b.path, "two").read(5); }), "another run"));
  CHECK(read_checkpoint(b.path / "checkpoints/step-00000005").step == 5);
  CHECK(CheckpointStore(b.path, "", {.read_only = true}).read(5).step == 5);
  fs::rename(b.path / "checkpoints/step-00000005", b.path / "checkpoints/step-00000006");
  CHECK(mentions(error_of([&] { CheckpointStore(b.path, "one").read(6); }), "expected step 6"));
  CHECK(error_of([&] { CheckpointStore(b.path, "one").read(5); }).kind() == ErrorKind::missing);
}

TEST_CASE("a read_only store leaves everything as it is") {
  const TemporaryDirectory run;
  CheckpointStore(run.path, "id").save(checkpoint_of(1));
  CheckpointStore(run.path, "id").save(checkpoint_of(2));
  overwrite(run.path / "checkpoints/step-00000002/MANIFEST.json", "{}");
  fs::create_directory(run.path / "checkpoints/.tmp.step-00000003.id.12-0");
  const auto before = names_in(run.path / "checkpoints");
  CheckpointStore reader(run.path, "id", {.read_only = true});
  std::vector<std::string> notes;
  CHECK(reader.newest(notes)->step == 1);
  CHECK(notes.size() == 1);
  CHECK(names_in(run.path / "checkpoints") == before);
  CHECK(error_of([&] { reader.save(checkpoint_of(3)); }).kind() == ErrorKind::internal);
}

TEST_CASE("only our own leftovers are swept") {
  const TemporaryDirectory run;
  CheckpointStore store(run.path, "id");
  store.save(checkpoint_of(1));
  const fs::path folder = run.path / "checkpoints";
  const std::vector<std::string> foreign = {".tmp.step-00000003.other.1-0", ".tmp.step-3.id.1-0",
                                            ".tmp.step-00000003.id.x",      ".tmp.mine",
                                            ".trash.step-00000003.id.",     "notes",
                                            ".tmp.step-00000004.id.9-9"};
  for (const std::string& name : foreign) {
    fs::create_directory(folder / name);
    overwrite(folder / name / "keep.txt", "mine");
  }
  for (const char* name : {".tmp.step-00000003.id.1-0", ".trash.step-00000002.id.77-1"}) {
    fs::create_directory(folder / name);
    overwrite(folder / name / "params.safetensors", "half");
    overwrite(folder / name / "MANIFEST.json", "half");
  }
  fs::create_directory_symlink(folder / "notes", folder / ".tmp.step-00000005.id.1-0");
  overwrite(folder / ".trash.step-00000005.id.1-0", "a file");
  std::vector<std::string> notes;
  CHECK(store.newest(notes)->step == 1);
  CHECK(notes.empty());
  for (const std::string& name : foreign) CHECK(contents(folder / name / "keep.txt") == "mine");
  CHECK(names_in(folder).size() == foreign.size() + 3);
}

TEST_CASE("going back to an earlier step sets the later ones aside") {
  const TemporaryDirectory run;
  CheckpointStore store(run.path, "id");
  for (const int64_t step : {1, 2, 3}) store.save(checkpoint_of(step));
  store.set_aside_after(1);
  CHECK(store.steps() == std::vector<int64_t>{1});
  CHECK(names_in(run.path / "checkpoints") ==
        std::vector<std::string>{".old.step-00000002", ".old.step-00000003", "step-00000001"});
}

TEST_CASE("the mark of the best survives, and damage to it is noticed") {
  const TemporaryDirectory run;
  CheckpointStore store(run.path, "id");
  CHECK_FALSE(store.best());
  CHECK(error_of([&] { store.mark_best(1); }).kind() == ErrorKind::missing);
  store.save(checkpoint_of(1));
  store.save(checkpoint_of(2));
  store.mark_best(1);
  store.mark_best(2);
  CHECK(store.best() == 2);
  const fs::path mark = run.path / "checkpoints/BEST";
  const std::string text = contents(mark);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << i % 8));
    overwrite(mark, damaged);
    CHECK(mentions(error_of([&] { store.best(); }), "BEST"));
  }
  std::vector<std::string> notes;
  CHECK(store.newest(notes)->step == 2);
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("BEST") != std::string::npos);
  CHECK_FALSE(store.best());
}

TEST_CASE("retention keeps the newest, the best and what was just saved: 300 random moves against a model") {
  const TemporaryDirectory run;
  std::mt19937_64 random(7);
  std::set<int64_t> model;
  std::optional<int64_t> best;
  const fs::path folder = run.path / "checkpoints";
  Checkpoint small = checkpoint_of(0);
  small.partitions.clear();
  calls::watch({});  // without real syncs
  for (int i = 0; i < 300; ++i) {
    const int keep = static_cast<int>(random() % 4);
    CheckpointStore store(run.path, "id", {.keep = keep});
    if (random() % 4 == 0 && !model.empty()) {
      best = *std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
      store.mark_best(*best);
    } else {
      const int64_t step = static_cast<int64_t>(random() % 1000);
      small.step = step;
      store.save(small);
      model.insert(step);
      std::set<int64_t> kept{step};
      if (best) kept.insert(*best);
      size_t newest = 0;
      for (auto it = model.rbegin(); it != model.rend() && newest < static_cast<size_t>(std::max(keep, 2));
           ++it, ++newest)
        kept.insert(*it);
      model = kept;
    }
    REQUIRE(store.steps() == sorted(model));
    REQUIRE(store.best() == best);
    REQUIRE(names_in(folder).size() == model.size() + (best ? 1 : 0));
  }
  calls::stop();
  for (const int64_t step : model) CHECK(CheckpointStore(run.path, "id").read(step).step == step);
}
