// Modules written in YAML as objects: what they hold, share, compute, and how surgery sees them.
#include "lang/definitions.h"

#include <doctest/doctest.h>

#include "config/parse.h"
#include "lang/composite.h"
#include "lang/functions.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/lora.h"

using namespace nnx;
using lang::Composite;

namespace {

struct Built {
  Definitions definitions;
  Ref<Layer> model;
};

// `text` has `modules:` and `model:`.
Built build(const std::string& text, uint64_t seed = 0) {
  const ConfigNode root = parse_yaml(text, "m.yaml");
  Diagnostics diagnostics;
  Built built;
  Rngs rngs(seed);
  built.definitions = Definitions(*root.find("modules"), diagnostics);
  diagnostics.throw_if_any();
  const LayerScope scope(built.definitions.layers());
  built.model = layers().build(*root.find("model"), diagnostics, rngs);
  return built;
}

std::string definition_error(const std::string& text) {
  try {
    build(text).model(ones({2, 4}));
    return "good";
  } catch (const Error& e) { return e.what(); }
}

const std::string mlp =
    "modules:\n"
    "  MLP:\n"
    "    arguments: [din, {dout: 3}]\n"
    "    attributes:\n"
    "      linear1: {type: Linear, in_features: \"${din}\", out_features: \"${2 * din}\"}\n"
    "      linear2: {type: Linear, in_features: \"${2 * din}\", out_features: \"${dout}\"}\n"
    "    call: linear2(gelu(linear1(x)))\n";

// A Module whose call is `text`, on x = [[0, 1, 2], [3, 4, 5]].
CallValue value_of(const std::string& text) {
  const Built built = build("modules:\n  M:\n    attributes: {w: {type: Param, shape: [3], init: ones}}\n    call: |\n      " + text + "\nmodel: M\n");
  return built.model->call({array<float>({0, 1, 2, 3, 4, 5}, {2, 3})});
}
std::vector<float> numbers(const std::string& text) { return value_of(text).as<Array>().to_vector<float>(); }

}  // namespace

TEST_CASE("a Module in YAML makes the objects and the numbers of one in C++") {
  const Built built = build(mlp + "model: {type: MLP, din: 4}\n", 7);
  Rngs rngs(7);
  const auto linear1 = make<Linear>(4, 8, rngs);
  const auto linear2 = make<Linear>(8, 3, rngs);
  const Array x = ones({2, 4});
  CHECK(built.model(x).to_vector<float>() == linear2(gelu(linear1(x))).to_vector<float>());
  CHECK(built.model->type().name == "MLP");
  CHECK(state(built.model).paths() == std::vector<std::string>{"linear1.bias", "linear1.kernel", "linear2.bias", "linear2.kernel"});
}

TEST_CASE("split, merge, clone and GraphDefs from a file keep the type, its attributes and what is shared") {
  const Built built = build(
      "modules:\n"
      "  Tied:\n"
      "    attributes:\n"
      "      encoder: {type: Linear, in_features: 4, out_features: 2}\n"
      "      again: {ref: encoder}\n"
      "      kernel: {ref: encoder.kernel}\n"
      "      parts: [relu, {ref: encoder}]\n"
      "      named: {a: {type: Param, shape: [4]}, b: gelu}\n"
      "    call: again(parts[0](x)) @ kernel.T + named.a\n"
      "model: Tied\n");
  const auto [def, values] = split(built.model);
  CHECK(values.size() == 3);
  CHECK(find_duplicates(built.model).size() == 2);
  const Array x = ones({2, 4});
  const auto expected = built.model(x).to_vector<float>();
  for (const Ref<Layer>& copy : {clone(built.model), merge<Layer>(GraphDef::from_json(def.to_json()), values)}) {
    CHECK(copy(x).to_vector<float>() == expected);
    CHECK(graphdef(copy) == def);
    CHECK(find_duplicates(copy).size() == 2);
  }
  CHECK(def.to_string().starts_with("Tied #0\n"));
}

TEST_CASE("surgery replaces, adds and removes attributes, and the call sees it") {
  const Built built = build(mlp + "model: {type: MLP, din: 4}\n");
  auto& composite = dynamic_cast<Composite&>(*built.model);
  Rngs rngs(1);
  const Array x = ones({2, 4});
  const auto before = built.model(x).to_vector<float>();
  const auto linear1 = as<Linear>(composite.find("linear1")->module());
  composite.find("linear1")->value = Ref<ModuleBase>(make<LoRALinear>(linear1, 2, rngs));
  CHECK(built.model(x).to_vector<float>() == before);  // lora_b is zero
  CHECK(state(built.model, of<LoRAParam>).size() == 2);
  composite.attributes.emplace_back("extra", lang::Attribute{Ref<ModuleBase>(make<Activation>("relu"))});
  const Ref<Layer> copy = clone(built.model);
  CHECK(copy(x).to_vector<float>() == before);
  composite.attributes.erase(composite.attributes.begin());
  CHECK_THROWS_WITH(built.model(x), "m.yaml:7:24: modules.MLP.call: nothing is called 'linear1'; did you mean 'linear2'?");
}

TEST_CASE("jit, gradients and training mode go through a Module in YAML") {
  const Built built = build(
      "modules:\n"
      "  Net:\n"
      "    attributes:\n"
      "      linear: {type: Linear, in_features: 4, out_features: 3}\n"
      "      dropout: {type: Dropout, rate: 0.5}\n"
      "    call: dropout(linear(x))\n"
      "model: Net\n");
  const auto loss = jit([](Ref<Layer> m, Array x) { return value_and_grad([&](Ref<Layer> inner) { return sum(inner(x)); })(m).second; });
  const State gradients = loss(built.model, ones({2, 4}));
  CHECK(gradients.size() == 2);
  eval(built.model);
  CHECK(built.model(ones({2, 4})).to_vector<float>() == built.model(ones({2, 4})).to_vector<float>());
}

TEST_CASE("arguments may be layers, lists and texts, and the call may use them") {
  const Built built = build(
      "modules:\n"
      "  Wrap:\n"
      "    arguments: [inner, sizes, {scale: 2.5}]\n"
      "    attributes: {layer: \"${inner}\"}\n"
      "    call: reshape(layer(x), sizes) * scale\n"
      "model: {type: Wrap, inner: {type: Linear, in_features: 4, out_features: 3}, sizes: [3, -1]}\n");
  CHECK(built.model(ones({2, 4})).shape() == Shape{3, 2});
  const GraphDef def = graphdef(built.model);
  CHECK(def.to_string().find("scale: 2.5") != std::string::npos);
  CHECK(def.to_string().find("sizes: [3, -1]") != std::string::npos);
}

TEST_CASE("several inputs and outputs, defaults, and Modules called with names") {
  const Built built = build(
      "modules:\n"
      "  Pair:\n"
      "    inputs: [a, {b: none}, {scale: 3}]\n"
      "    attributes: {f: relu}\n"
      "    call: f(a) * scale, scale\n"
      "  Both:\n"
      "    attributes: {pair: Pair}\n"
      "    call: |\n"
      "      y, n = pair(x, scale=2)\n"
      "      z = pair(a=x)[0]\n"
      "      return y + z * n\n"
      "model: Both\n");
  CHECK(built.model(ones({1, 2})).to_vector<float>() == std::vector<float>{8, 8});
}

TEST_CASE("a call computes what its expression says") {
  CHECK(numbers("x * 2 - 1") == std::vector<float>{-1, 1, 3, 5, 7, 9});
  CHECK(numbers("2 - x / 2 ** 1") == std::vector<float>{2, 1.5, 1, 0.5, 0, -0.5});
  CHECK(numbers("-x @ w") == std::vector<float>{-3, -12});
  CHECK(numbers("x[:, 1:]") == std::vector<float>{1, 2, 4, 5});
  CHECK(numbers("x[0]") == std::vector<float>{0, 1, 2});
  CHECK(numbers("x[-1, ::2]") == std::vector<float>{3, 5});
  CHECK(numbers("x[..., ::-1]") == std::vector<float>{2, 1, 0, 5, 4, 3});
  CHECK(numbers("x[:, none, 0][0]") == std::vector<float>{0});
  CHECK(numbers("sum(x, axis=0)") == std::vector<float>{3, 5, 7});
  CHECK(numbers("sum(x, (0, 1), keepdims=true)") == std::vector<float>{15});
  CHECK(numbers("cast(x > 2, 'f32')") == std::vector<float>{0, 0, 0, 1, 1, 1});
  CHECK(numbers("select(x == 1, 9, x)") == std::vector<float>{0, 9, 2, 3, 4, 5});
  CHECK(numbers("reshape(x, [x.shape[1], x.size // 3])[2]") == std::vector<float>{4, 5});
  CHECK(numbers("a, b = split(x, 3, 1)[0:2]; return concatenate([b, a], 1)") == std::vector<float>{1, 0, 4, 3});
  CHECK(numbers("for p in split(x, 3, axis=1): x = x + p\n      return x[0]") == std::vector<float>{3, 4, 5});
  CHECK(numbers("einsum('ij,j->i', [x, w])") == std::vector<float>{3, 12});
  CHECK(numbers("maximum(x.T, 3)[0]") == std::vector<float>{3, 3});
  CHECK(value_of("len(x.shape) * 7 % 4").as<int64_t>() == 2);
  CHECK(value_of("-7 // 2").as<int64_t>() == -4);
}

TEST_CASE("errors of a call stand at its line and column") {
  const auto in_call = [](const std::string& call) {
    return definition_error("modules:\n  M:\n    attributes: {w: {type: Param, shape: [3]}, f: relu}\n    call: |\n      y = relu(x)\n      return " + call + "\nmodel: M\n");
  };
  const std::string sum = in_call("y + w");
  CHECK(sum.starts_with("m.yaml:6:16: modules.M.call: "));
  CHECK(sum.find("[2,4]") != std::string::npos);
  CHECK(sum.find("[3]") != std::string::npos);
  CHECK(in_call("y[:, 7]").starts_with("m.yaml:6:15: modules.M.call: expected an index of an axis of 4, got 7 for f32[2,4]"));
  CHECK(in_call("f") == "m.yaml:6:14: modules.M.call: expected a value, got the Module Activation; call it, or name one of its Variables");
  CHECK(in_call("w(y)") == "m.yaml:6:14: modules.M.call: expected a layer or a function, got the Param f32[3]");
  CHECK(in_call("softmax(y, 'a')") ==
        "m.yaml:6:14: modules.M.call: argument 'axis' of softmax(x, axis=-1): expected an integer, got 'a'");
  CHECK(in_call("y.shap") == "m.yaml:6:16: modules.M.call: an Array has no attribute 'shap'; it has shape, ndim, size, dtype and T");
  CHECK(in_call("f.functio") == "m.yaml:6:16: modules.M.call: Activation has no attribute 'functio'; did you mean 'function'?");
}

TEST_CASE("every activation is a function by its name") {
  for (const ActivationEntry& e : activation_entries()) {
    CAPTURE(std::string(e.name));
    const lang::Function* f = lang::find_function(e.name);
    REQUIRE(f);
    const Array x = array<float>({-2, -0.5f, 0, 1}, {2, 2});
    std::vector<CallValue> arguments{x};
    for (size_t i = 1; i < f->parameters.size(); ++i) arguments.push_back(f->parameters[i].initial);
    CHECK(f->apply(arguments).as<Array>().to_vector<float>() == e.apply(x, e.initial).to_vector<float>());
  }
}

TEST_CASE("a definition of a hundred thousand words is refused in no time") {
  std::string call = "x";
  for (int i = 0; i < 50'000; ++i) call += " + x";
  CHECK(definition_error("modules:\n  M:\n    call: " + call + "\nmodel: M\n") == "m.yaml:3:40011: modules.M.call: more than 20000 words");
}
