// A model with every dtype, empty and scalar shapes, sharing and random state; checkpoints of it; directories of tests.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "nnx/nnx.h"

namespace nnx::test {

namespace fs = std::filesystem;

struct Count : VariableOf<Count> {
  using VariableOf::VariableOf;
  static constexpr std::string_view name = "Count";
};

struct Dense : Module<Dense> {
  Param kernel, bias;
  Number rate = 0.1;
  int64_t features = 3;
  std::string mode = "fast \"quoted\" \u00e9";
  double scale = 1.0 / 3.0;
  std::vector<int64_t> dims = {1, -2, 3};
  std::optional<int64_t> unset;
  bool flag = true;
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("rate", self.rate);
    f("features", self.features);
    f("mode", self.mode);
    f("scale", self.scale);
    f("dims", self.dims);
    f("unset", self.unset);
    f("flag", self.flag);
  }
};

struct Toy : Module<Toy> {
  std::vector<Ref<Dense>> layers;
  Ref<Dense> again;                    // the first of `layers` once more
  Param tied;                          // its kernel once more
  std::map<std::string, Param> named;  // names with dots and of digits
  BatchStat mean;
  Count count;
  Param doubles, empty, flags, none;
  Array plain;
  Ref<Rngs> rngs;
  static void fields(auto& self, auto&& f) {
    f("layers", self.layers);
    f("again", self.again);
    f("tied", self.tied);
    f("named", self.named);
    f("mean", self.mean);
    f("count", self.count);
    f("doubles", self.doubles);
    f("empty", self.empty);
    f("flags", self.flags);
    f("none", self.none);
    f("plain", self.plain);
    f("rngs", self.rngs);
  }
};

inline Ref<Toy> toy(float base = 0.5f) {
  auto model = std::make_shared<Toy>();
  for (int i = 0; i < 2; ++i) {
    auto dense = std::make_shared<Dense>();
    dense->kernel = Param(array<float>({base, -0.0f, 3.5f, 1e-40f, base + 1, 3e38f}, {2, 3}));
    dense->bias = Param(scalar<float>(base));
    model->layers.emplace_back(dense);
  }
  model->again = model->layers[0];
  model->tied = model->layers[0]->kernel;
  model->layers[0]->kernel.metadata() = {
      {"axis", int64_t{-1}}, {"exact", 0.1}, {"on", true}, {"text", std::string("a\nb")}};
  model->named["a.b"] = Param(scalar<float>(1));
  model->named["7"] = Param(scalar<float>(2));
  model->mean = BatchStat(array<float>({1, 2}, {2}));
  model->count = Count(scalar<int32_t>(-5));
  model->doubles = Param(array<double>({1.0 / 3.0, -2e300}, {1, 2, 1}));
  model->empty = Param(array<float>(std::vector<float>{}, {4, 0, 2}));
  model->flags = Param(array<bool>({true, false, true}, {3}));
  model->plain = array<uint32_t>({0xffffffffu, 7u}, {2});
  model->rngs = make<Rngs>(3);
  return Ref<Toy>(model);
}

inline Checkpoint checkpoint_of(int64_t step, float base = 0.5f) {
  const auto model = toy(base);
  Checkpoint out{.step = step,
                 .graphdef = graphdef(model),
                 .partitions = partition(state(model)),
                 .progress = "{\"cursor\":3}",
                 .environment = "{\"threads\":2}"};
  StateLeaf moment{.value = array<float>({base, 2}, {2}), .kind = &OptState::static_kind()};
  out.partitions["opt_state"].insert({Key("tx"), Key("mu"), Key("layers.0.kernel")}, moment);
  return out;
}

// Bit for bit, with kinds, tags and metadata.
inline std::string difference(const State& a, const State& b) {
  if (a.paths() != b.paths()) return "paths";
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    const std::string name = to_string(x->first);
    const StateLeaf &p = x->second, &q = y->second;
    if (x->first != y->first) return "steps of " + name;
    if (p.kind->name != q.kind->name || p.tag != q.tag || p.metadata != q.metadata)
      return "kind, tag or metadata of " + name;
    if (!(p.value.type() == q.value.type())) return "type of " + name;
    if (std::string_view(p.value.buffer()->as<char>(), p.value.type().bytes()) !=
        std::string_view(q.value.buffer()->as<char>(), q.value.type().bytes()))
      return "value of " + name;
  }
  return "";
}

inline std::string difference(const Checkpoint& a, const Checkpoint& b) {
  if (a.step != b.step || a.progress != b.progress || a.environment != b.environment) return "step or texts";
  if (a.graphdef != b.graphdef) return "graphdef";
  if (a.partitions.size() != b.partitions.size()) return "partitions";
  for (const auto& [name, state] : a.partitions) {
    if (!b.partitions.contains(name)) return "no " + name;
    if (const std::string d = difference(state, b.partitions.at(name)); !d.empty()) return name + ": " + d;
  }
  return "";
}

// In memory where there is such a place: the tests write thousands of files.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = ::access(memory.c_str(), W_OK | X_OK) == 0 ? memory : fs::temp_directory_path();
    std::string name = (parent / "nnx-checkpoint-XXXXXX").string();
    if (!::mkdtemp(name.data())) fail(ErrorKind::io, {.where = name, .message = "cannot be made"});
    path = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  fs::path path;
};

inline std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void overwrite(const fs::path& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

inline std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

// The Error that `f` throws; internal with an empty text when it throws none.
template <class F> Error error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) { return e; }
  return Error(ErrorKind::internal, {});
}

inline bool mentions(const Error& e, std::string_view text) {
  return std::string_view(e.what()).find(text) != std::string_view::npos;
}

}  // namespace nnx::test
