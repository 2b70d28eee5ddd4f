#include "config/registry.h"

#include <doctest/doctest.h>

#include "config/parse.h"
#include "config/write.h"
#include "help.h"

using namespace nnx;
using test::error_of;

namespace {

struct LinearOptions {
  int64_t in_features = 0, out_features = 0;
  bool use_bias = true;
  static void fields(auto& self, auto&& f) {
    f("in_features", self.in_features, Field{.help = "size of the last axis"}.at_least(1).must());
    f("out_features", self.out_features, Field{.help = "size of the result"}.at_least(1).must());
    f("use_bias", self.use_bias, Field{.help = "add a bias"});
  }
};

struct SequentialOptions {
  std::vector<std::pair<std::string, ConfigNode>> layers;
  static void fields(auto& self, auto&& f) { f("layers", self.layers, Field{.help = "in order"}.must()); }
};

struct WrapOptions {
  ConfigNode inner = ConfigNode("gelu");
  static void fields(auto& self, auto&& f) { f("inner", self.inner, Field{.help = "what is wrapped"}); }
};

// Stands for what a higher room passes down, e.g. the Rngs.
struct Counter {
  int made = 0;
};

// A product is its own description; no default constructor, as for many real ones.
struct Layer {
  explicit Layer(std::string t) : text(std::move(t)) {}
  std::string text;
};

using Layers = Registry<Layer(Counter&)>;

const Layers& layers() {
  static const Layers registry = [] {
    Layers r("layer");
    r.add<LinearOptions>("Linear", "dense layer", [](const LinearOptions& o, Counter& counter) {
      ++counter.made;
      if (o.in_features != 64) {
        fail(ErrorKind::shape, {.expected = "64 features", .got = std::to_string(o.in_features)});
      }
      return Layer("Linear(" + std::to_string(o.in_features) + "," + std::to_string(o.out_features) + ")");
    });
    r.add<NoOptions>("gelu", "activation", [](const NoOptions&, Counter&) { return Layer("gelu"); });
    r.add<NoOptions>("file", "reads a file", [](const NoOptions&, Counter&) -> Layer {
      fail(ErrorKind::missing, {.where = "x.csv", .message = "no such file"});
    });
    r.add<NoOptions>("broken", "a bug",
                     [](const NoOptions&, Counter&) -> Layer { fail(ErrorKind::internal, {.message = "bug"}); });
    r.add<WrapOptions>("Wrap", "around a layer", [](const WrapOptions& o, Diagnostics& d, Counter& counter) {
      return Layer("Wrap(" + layers().build(o.inner, d, counter).text + ")");
    });
    r.add<SequentialOptions>("Sequential", "one after the other",
                             [](const SequentialOptions& o, Diagnostics& d, Counter& counter) {
                               std::string text;
                               for (const auto& [name, layer] : layers().build_each(o.layers, d, counter)) {
                                 text += name + "=" + layer.text + ";";
                               }
                               return Layer(text);
                             });
    return r;
  }();
  return registry;
}

struct Train {
  int64_t seed = 0;
  ConfigNode model;
  ConfigNode other = ConfigNode("gelu");
  static void fields(auto& self, auto&& f) {
    f("seed", self.seed, Field{.help = "of everything"});
    f("model", self.model, Field{.help = "the model"}.must());
    f("other", self.other, Field{.help = "another"});
  }
};

struct Result {
  std::string model, other, echo;
};

Result build(const std::string& text) {
  Diagnostics diagnostics;
  Counter counter;
  Result result;
  const Train train = read<Train>(parse_yaml(text, "c.yaml"), diagnostics);
  if (!train.model.is_null()) {
    diagnostics.attempt([&] { result.model = layers().build(train.model, diagnostics, counter).text; });
  }
  diagnostics.attempt([&] { result.other = layers().build(train.other, diagnostics, counter).text; });
  diagnostics.throw_if_any();
  result.echo = write_yaml(diagnostics.resolved());
  return result;
}

std::string build_error(const std::string& text) {
  return error_of([&] { build(text); });
}

const std::string known = "known names: Linear, gelu, file, broken, Wrap, Sequential";

}  // namespace

TEST_CASE("components by name, with arguments, nested") {
  CHECK(build("model: gelu").model == "gelu");
  CHECK(build("model: {type: gelu}").model == "gelu");
  CHECK(build("model: {type: Linear, in_features: 64, out_features: 10}").model == "Linear(64,10)");
  CHECK(build("model: {type: Wrap, inner: {type: Wrap}}").model == "Wrap(Wrap(gelu))");
  CHECK(build("model: Wrap").model == "Wrap(gelu)");
  CHECK(build("model: {type: Sequential, layers: {b: {type: Wrap}, a: gelu}}").model == "b=Wrap(gelu);a=gelu;");
}

TEST_CASE("the echo holds the defaults of components, and builds the same") {
  const Result first = build(
      "model: {type: Sequential, layers: {b: {type: Linear, in_features: 64, out_features: 1e1}, a: Wrap, c: {type: "
      "gelu}}}\n");
  CHECK(first.echo ==
        "seed: 0\n"
        "model:\n"
        "  type: Sequential\n"
        "  layers:\n"
        "    b:\n"
        "      type: Linear\n"
        "      in_features: 64\n"
        "      out_features: 10\n"
        "      use_bias: true\n"
        "    a:\n"
        "      type: Wrap\n"
        "      inner: gelu\n"
        "    c: gelu\n"
        "other: gelu\n");
  const Result second = build(first.echo);
  CHECK(second.echo == first.echo);
  CHECK(second.model == first.model);
}

TEST_CASE("components that cannot be") {
  CHECK(build_error("model: Gelu") == "78 c.yaml:1:8: model: unknown layer 'Gelu'; did you mean 'gelu'? " + known);
  CHECK(build_error("model: {type: Linaer, in_features: 1}") ==
        "78 c.yaml:1:15: model.type: unknown layer 'Linaer'; did you mean 'Linear'? " + known);
  CHECK(build_error("model: {in_features: 1}") ==
        "78 c.yaml:1:8: model.type: this key is required: the name of the layer; " + known);
  CHECK(build_error("model: {type: [a]}") ==
        "78 c.yaml:1:15: model.type: expected the name of a layer, got a list; " + known);
  CHECK(build_error("model: [a]") ==
        "78 c.yaml:1:8: model: expected a layer: a name or {type: name, ...}, got a list; " + known);
  CHECK(build_error("seed: 1") == "78 c.yaml:1:1: model: this key is required; the model");
  CHECK(build_error("model: Linear") ==
        "78 c.yaml:1:8: model.in_features: this key is required; size of the last axis\n"
        "c.yaml:1:8: model.out_features: this key is required; size of the result");
  CHECK(build_error("model: {type: gelu, rate: 1}") == "78 c.yaml:1:21: model.rate: unknown key; known keys: type");
}

TEST_CASE("errors of independent components are reported together, with those of the struct") {
  CHECK(
      build_error(
          "seed: x\nmodel:\n  type: Sequential\n  layers:\n    a: {type: Linear, in_features: 0, out_features: 1}\n"
          "    b: gleu\n    c: {type: Linear, in_features: 63, out_features: 1}\nother: {type: Wrap, iner: gelu}\n") ==
      "78 c.yaml:1:7: seed: expected an integer, got 'x'\n"
      "c.yaml:5:36: model.layers.a.in_features: expected an integer of at least 1, got '0'\n"
      "c.yaml:6:8: model.layers.b: unknown layer 'gleu'; did you mean 'gelu'? " +
          known +
          "\n"
          "c.yaml:7:8: model.layers.c: Linear: expected 64 features, got 63\n"
          "c.yaml:8:21: other.iner: unknown key; did you mean 'inner'? known keys: type, inner");
}

TEST_CASE("errors that are not the config's keep their kind; input gains the line") {
  CHECK(build_error("model: file") == "66 c.yaml:1:8: model: x.csv: no such file");
  CHECK(build_error("model: broken") == "70 bug");
}

TEST_CASE("a registry can be enumerated and checked without building") {
  CHECK(layers().what() == "layer");
  REQUIRE(layers().components().size() == 6);
  CHECK(layers().find("Linear")->help == "dense layer");
  CHECK(layers().find("Linear")->fields[2].default_value == "true");
  CHECK(layers().find("Nothing") == nullptr);
  Diagnostics diagnostics;
  layers().check(parse_yaml("{type: Linear, in_features: 1, out_features: 2}", "f"), diagnostics);
  CHECK(write_flow(diagnostics.resolved()) == "{type: Linear, in_features: 1, out_features: 2, use_bias: true}");
}

TEST_CASE("entries need a name of their own and help") {
  Layers r("layer");
  const auto make = [](const NoOptions&, Counter&) { return Layer(""); };
  r.add<NoOptions>("a", "help", make);
  CHECK(error_of([&] { r.add<NoOptions>("a", "help", make); }) == "70 the names in a registry are distinct");
  CHECK(error_of([&] { r.add<NoOptions>("b", "", make); }) == "70 a component has a name and a line of help");
}

TEST_CASE("a registry without context") {
  Registry<int()> numbers("number");
  numbers.add<NoOptions>("one", "1", [](const NoOptions&) { return 1; });
  Diagnostics diagnostics;
  CHECK(numbers.build(ConfigNode("one"), diagnostics) == 1);
  CHECK(numbers.build_each({ConfigNode("one"), ConfigNode("one")}, diagnostics) == std::vector<int>{1, 1});
}
