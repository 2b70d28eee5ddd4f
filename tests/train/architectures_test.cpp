// The architectures of configs/ that are written in YAML, against the same ones in C++: equal to the last bit.
#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "help.h"
#include "nn/layer_norm.h"
#include "support/guide_mlp.h"
#include "train/evaluate.h"
#include "train/inspect.h"
#include "train/steps.h"

using namespace nnx;
namespace fs = std::filesystem;
using test::TemporaryFolder;

namespace twin {

// The attributes of the config are made in another order than those of the guide.
Ref<Layer> mlp(Rngs& rngs) {
  auto model = make<test::MLP>();
  model->linear1 = make<Linear>(64, 128, rngs);
  model->bn = make<BatchNorm>(128, rngs);
  model->dropout = make<Dropout>(0.1, rngs);
  model->linear2 = make<Linear>(128, 10, rngs);
  return model;
}

struct Block : Module<Block, Layer> {
  Ref<LayerNorm> norm;
  Ref<Linear> up, down;
  Ref<Dropout> dropout;
  Block() = default;
  Block(int64_t width, int64_t hidden, double rate, Rngs& rngs) {
    norm = make<LayerNorm>(LayerNormOptions{.num_features = width}, rngs);
    up = make<Linear>(width, hidden, rngs);
    dropout = make<Dropout>(rate, rngs);
    down = make<Linear>(hidden, width, rngs);
  }
  Array operator()(const Array& x) override { return x + down(dropout(gelu(up(norm(x))))); }
  static void fields(auto& self, auto&& f) {
    f("norm", self.norm);
    f("up", self.up);
    f("dropout", self.dropout);
    f("down", self.down);
  }
};

struct ResidualMLP : Module<ResidualMLP, Layer> {
  Ref<Linear> stem, head;
  std::vector<Ref<Block>> blocks;
  Ref<LayerNorm> norm;
  ResidualMLP() = default;
  ResidualMLP(int64_t din, int64_t width, int64_t dout, Rngs& rngs) {
    stem = make<Linear>(din, width, rngs);
    for (const double rate : {0.1, 0.1, 0.2}) blocks.push_back(make<Block>(width, 2 * width, rate, rngs));
    norm = make<LayerNorm>(LayerNormOptions{.num_features = width}, rngs);
    head = make<Linear>(width, dout, rngs);
  }
  Array operator()(const Array& x) override {
    Array h = stem(x);
    for (const Ref<Block>& block : blocks) h = block(h);
    return head(norm(h));
  }
  static void fields(auto& self, auto&& f) {
    f("stem", self.stem);
    f("blocks", self.blocks);
    f("norm", self.norm);
    f("head", self.head);
  }
};

struct Tower : Module<Tower, Layer> {
  Ref<Linear> linear1, linear2;
  Tower() = default;
  Tower(int64_t din, int64_t dmid, int64_t dout, Rngs& rngs) {
    linear1 = make<Linear>(din, dmid, rngs);
    linear2 = make<Linear>(dmid, dout, rngs);
  }
  Array operator()(const Array& x) override { return gelu(linear2(gelu(linear1(x)))); }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("linear2", self.linear2);
  }
};

struct Siamese : Module<Siamese, Layer> {
  Ref<Tower> tower, twin;
  Ref<Linear> head;
  Siamese() = default;
  Siamese(int64_t din, int64_t width, int64_t classes, Rngs& rngs) {
    twin = tower = make<Tower>(din, 96, width, rngs);
    head = make<Linear>(3 * width, classes, rngs);
  }
  Array operator()(const Array& x) override {
    const Array a = tower(slice_axis(x, 1, 0, 32)), b = twin(slice_axis(x, 1, 32, 64));
    return head(concatenate({a, b, abs(a - b)}, -1));
  }
  static void fields(auto& self, auto&& f) {
    f("tower", self.tower);
    f("twin", self.twin);
    f("head", self.head);
  }
};

struct Autoencoder : Module<Autoencoder, Layer> {
  Ref<Linear> encoder;
  Param decoder_kernel, decoder_bias;
  Autoencoder() = default;
  Autoencoder(int64_t pixels, int64_t code, Rngs& rngs) {
    encoder = make<Linear>(pixels, code, rngs);
    decoder_kernel = encoder->kernel;
    decoder_bias = Param(zeros_init()(rngs.params(), {pixels}));
  }
  Array operator()(const Array& x) override {
    return sigmoid(matmul(tanh(encoder(x)), transpose(decoder_kernel)) + decoder_bias);
  }
  static void fields(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("decoder_kernel", self.decoder_kernel);
    f("decoder_bias", self.decoder_bias);
  }
};

struct Expert : Module<Expert, Layer> {
  Ref<Linear> linear1, linear2;
  Expert() = default;
  Expert(int64_t din, int64_t dmid, int64_t dout, Rngs& rngs) {
    linear1 = make<Linear>(din, dmid, rngs);
    linear2 = make<Linear>(dmid, dout, rngs);
  }
  Array operator()(const Array& x) override { return linear2(silu(linear1(x))); }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("linear2", self.linear2);
  }
};

struct Mixture : Module<Mixture, Layer> {
  Ref<Linear> gate;
  std::vector<Ref<Expert>> experts;
  Mixture() = default;
  Mixture(int64_t din, int64_t dmid, int64_t dout, Rngs& rngs) {
    gate = make<Linear>(din, 4, rngs);
    for (int i = 0; i < 4; ++i) experts.push_back(make<Expert>(din, dmid, dout, rngs));
  }
  Array operator()(const Array& x) override {
    const Array weights = softmax(gate(x));
    Array total;
    for (int64_t i = 0; i < 4; ++i) {
      const Array part = slice_axis(weights, 1, i, i + 1) * experts[static_cast<size_t>(i)](x);
      total = total.defined() ? total + part : 0.0 + part;
    }
    return total;
  }
  static void fields(auto& self, auto&& f) {
    f("gate", self.gate);
    f("experts", self.experts);
  }
};

// Of two outputs: its one Array is the first.
struct MultiTask : Module<MultiTask, Layer> {
  Ref<Linear> encoder, classifier, decoder;
  MultiTask() = default;
  MultiTask(int64_t pixels, int64_t code, int64_t classes, Rngs& rngs) {
    encoder = make<Linear>(pixels, code, rngs);
    classifier = make<Linear>(code, classes, rngs);
    decoder = make<Linear>(code, pixels, rngs);
  }
  Array operator()(const Array& x) override { return classifier(gelu(encoder(x))); }
  CallValue call(const CallArguments& arguments, const CallKeywords&) override {
    const Array code = gelu(encoder(arguments.at(0).as<Array>()));
    const Array logits = classifier(code);
    return CallValue::List{logits, sigmoid(decoder(code))};
  }
  static void fields(auto& self, auto&& f) {
    f("encoder", self.encoder);
    f("classifier", self.classifier);
    f("decoder", self.decoder);
  }
};

}  // namespace twin

namespace {

TrainSource config(const std::string& name, std::vector<std::string> more = {}) {
  const std::string source = nnx::test::source_dir();
  more.push_back("data.folder=" + source);
  return {.files = {source + "/configs/" + name + ".yaml"}, .arguments = std::move(more)};
}

// Every leaf of the State after some steps, as bytes.
std::map<std::string, std::string> trained(const Setup& setup, const Ref<Layer>& model, const Feed& feed) {
  Diagnostics diagnostics;
  const Ref<Optimizer> optimizer = optimizers().build(setup.config.optimizer, diagnostics, model, setup.total_steps);
  const TrainStep step(model, optimizer, setup.objective, feed);
  Loader loader(setup.data.train, setup.config.data.loader, static_cast<uint64_t>(setup.config.seed));
  for (int i = 0; i < 20; ++i) {
    const BatchArrays batch = arrays_of(loader.next(), loader.data());
    step(batch.x, batch.y);
  }
  std::map<std::string, std::string> bytes;
  for (const State& s : {state(model), state(optimizer, of<OptState>)})
    for (const auto& [path, leaf] : s)
      bytes[to_string(path)] = std::string(leaf.kind->name) + std::string(leaf.value.buffer()->as<char>(), leaf.value.type().bytes());
  return bytes;
}

// The lines of a GraphDef without the names of Modules written in YAML or in this file.
std::string structure(const Ref<Layer>& model) {
  std::string text = graphdef(model).to_string();
  for (const std::string name : {"ResidualMLP", "MLP", "Block", "Siamese", "Tower", "Autoencoder", "Mixture", "Expert", "MultiTask"})
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos;) text.replace(at, name.size(), "*");
  return text;
}

template <class T, class... A> auto made(A... arguments) {
  return [=](Rngs& rngs) -> Ref<Layer> { return make<T>(arguments..., rngs); };
}

void check_twin(const std::string& name, const std::function<Ref<Layer>(Rngs&)>& make_twin) {
  CAPTURE(name);
  Setup setup = prepare(config(name));
  Rngs rngs(static_cast<uint64_t>(setup.config.seed));
  const Ref<Layer> twin = make_twin(rngs);
  CHECK(structure(setup.model) == structure(twin));
  const auto yaml = trained(setup, setup.model, setup.feed);
  // The Siamese in C++ takes the whole batch and cuts it itself.
  const auto cpp = trained(setup, twin, Feed());
  REQUIRE(yaml.size() == cpp.size());
  for (const auto& [path, bytes] : cpp) {
    CAPTURE(path);
    CHECK((yaml.at(path) == bytes));
  }
}

}  // namespace

TEST_CASE("an architecture in YAML trains to the very bits of its twin in C++") {
  check_twin("mlp", twin::mlp);
  check_twin("residual_mlp", made<twin::ResidualMLP>(64, 64, 10));
  check_twin("siamese", made<twin::Siamese>(32, 48, 10));
  check_twin("autoencoder", made<twin::Autoencoder>(64, 16));
  check_twin("mixture_of_experts", made<twin::Mixture>(64, 32, 10));
  check_twin("multi_task", made<twin::MultiTask>(64, 48, 10));
}

TEST_CASE("what a config shares is in a checkpoint once, and stays shared when the run is resumed") {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& name, const std::string& dir) {
    return config(name, {"train={max_steps: 12}", "output_dir=" + (folder / dir)});
  };
  for (const std::string name : {"siamese", "autoencoder"}) {
    CAPTURE(name);
    run_training(run(name, "whole"));
    run_training(run(name, "stopped"), test::stop_after(5));
    run_training(run(name, "stopped"), {.resume = "auto"});
    for (const std::string file : {"params.safetensors", "opt_state.safetensors", "graphdef.json"})
      CHECK((test::read_file(folder / ("whole/checkpoints/step-00000012/" + file)) ==
             test::read_file(folder / ("stopped/checkpoints/step-00000012/" + file))));
    const Checkpoint checkpoint = read_checkpoint(folder / "whole/checkpoints/step-00000012");
    const State& params = checkpoint.partitions.at("params");
    CHECK(params.size() == (name == "siamese" ? 6 : 3));
    // A copy made from the file alone shares as well.
    const Ref<Layer> copy = as<Layer>(Ref<ModuleBase>(merge_states(checkpoint.graphdef, std::vector<State>{params})));
    CHECK(find_duplicates(copy).size() >= 1);
    CHECK(copy->type().name == (name == "siamese" ? "Siamese" : "Autoencoder"));
    const Inspection seen = inspect(folder / "whole", "");
    CHECK(seen.notes.empty());  // the layers have been called, whatever inputs the model has
    CHECK(to_text(seen, false).find(name == "siamese" ? "Tower" : "Autoencoder") != std::string::npos);
    CHECK(evaluate_run({.run = folder / "whole"}).step == 12);
    fs::remove_all(folder / "whole");
    fs::remove_all(folder / "stopped");
  }
}

TEST_CASE("the config that a run of a Module in YAML leaves gives the same run again") {
  const TemporaryFolder folder;
  run_training(config("residual_mlp", {"train={max_steps: 8}", "output_dir=" + (folder / "first")}));
  run_training({.files = {folder / "first/config.yaml"}, .arguments = {"output_dir=" + (folder / "second")}});
  for (const std::string file : {"params.safetensors", "rng.safetensors", "graphdef.json"})
    CHECK((test::read_file(folder / ("first/checkpoints/step-00000008/" + file)) ==
           test::read_file(folder / ("second/checkpoints/step-00000008/" + file))));
}
