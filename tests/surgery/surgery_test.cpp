#include "surgery/surgery.h"

#include <doctest/doctest.h>

#include "config/parse.h"
#include "nn/activation.h"
#include "nn/lora.h"
#include "nn/sequential.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"

using namespace nnx;

namespace {

// linear1 (4 -> 8), gelu, bn, dropout, linear2 (8 -> 3).
Ref<Layer> small_model() {
  Rngs rngs(0);
  std::vector<std::pair<std::string, Ref<Layer>>> named;
  named.emplace_back("linear1", make<Linear>(4, 8, rngs));
  named.emplace_back("gelu", make<Activation>("gelu"));
  named.emplace_back("bn", make<BatchNorm>(8, rngs));
  named.emplace_back("dropout", make<Dropout>(0.5, rngs));
  named.emplace_back("linear2", make<Linear>(8, 3, rngs));
  return make<Sequential>(named);
}

// Two places for one Linear, and a Linear beside them.
struct Siamese : Module<Siamese, Layer> {
  Ref<Linear> left, right, head;
  Siamese() = default;
  explicit Siamese(Rngs& rngs) : left(make<Linear>(4, 4, rngs)), right(left), head(make<Linear>(4, 2, rngs)) {}
  Array operator()(const Array& x) override {
    const Array a = left(x), b = right(x);
    return head(a + b);
  }
  static void fields(auto& self, auto&& f) {
    f("left", self.left);
    f("right", self.right);
    f("head", self.head);
  }
};

struct Tower : Module<Tower, Layer> {
  std::vector<Ref<Layer>> blocks;
  Tower() = default;
  explicit Tower(Rngs& rngs) : blocks{make<Linear>(4, 4, rngs), make<Activation>("relu"), make<Linear>(4, 4, rngs)} {}
  Array operator()(const Array& x) override {
    Array y = x;
    for (const Ref<Layer>& block : blocks) y = block(y);
    return y;
  }
  static void fields(auto& self, auto&& f) { f("blocks", self.blocks); }
};

SurgeryPlan operate_on(Ref<Layer>& model, const std::string& yaml, const StateReader& read_state = {}) {
  Rngs rngs(7);
  Diagnostics diagnostics;
  return operate(model, parse_yaml(yaml, "s.yaml").items(), rngs, diagnostics, read_state);
}

std::string error_of(Ref<Layer> model, const std::string& yaml, const StateReader& read_state = {}) {
  try {
    operate_on(model, yaml, read_state);
  } catch (const Error& error) { return error.what(); }
  return "no error";
}

std::vector<std::string> paths(const Ref<Layer>& model, const Filter& filter = of<Param>) { return state(model, filter).paths(); }

Array sample() { return reshape(arange(8, DType::f32), {2, 4}); }

std::vector<float> evaluated(const Ref<Layer>& model) {
  eval(model);
  const Array y = model(sample());
  train(model);
  return y.to_vector<float>();
}

}  // namespace

TEST_CASE("a LoRALinear in the place of a Linear keeps its Variables and gives the same numbers, bit for bit") {
  Ref<Layer> model = small_model();
  const auto sequence = as<Sequential>(model);
  const Variable kernel = as<Linear>(sequence->layers[0])->kernel;
  const std::vector<float> before = evaluated(model);
  const SurgeryPlan plan = operate_on(model, "- replace: {type: Linear, not: linear2}\n  with: {type: LoRALinear, lora_rank: 2}\n- freeze: {not: LoRAParam}\n");
  const auto adapted = as<LoRALinear>(sequence->layers[0]);
  CHECK(adapted->kernel.same(kernel));
  CHECK(adapted->in_features == 4);
  CHECK(adapted->out_features == 8);
  CHECK(as<Linear>(sequence->layers[4])->type().name == "Linear");
  CHECK(evaluated(model) == before);
  CHECK(paths(model, of<Param> && !frozen()) == std::vector<std::string>{"linear1.lora.lora_a", "linear1.lora.lora_b"});
  REQUIRE(plan.steps.size() == 2);
  CHECK(plan.steps[0].report.matched == 1);
  CHECK(plan.steps[0].report.candidates == 2);
  CHECK(plan.steps[0].changes.size() == 1);
  CHECK(plan.steps[0].changes[0].kind == "LoRAParam");
  CHECK(plan.steps[0].changes[0].elements == 24);
  CHECK(plan.trainable == 24);
  CHECK(plan.parameters == 107);   // 4*8+8 + 8+8 + 8*3+3 + 24
}

TEST_CASE("frozen statistics are used and not updated, also in training") {
  Ref<Layer> model = small_model();
  operate_on(model, "- set: dropout\n  attributes: {rate: 0}\n- freeze: bn\n");
  const State before = state(model, of<BatchStat>);
  train(model);
  model(sample());
  for (const auto& [path, leaf] : state(model, of<BatchStat>))
    CHECK(leaf.value.to_vector<float>() == before.at(path).value.to_vector<float>());
  operate_on(model, "- unfreeze: bn\n");
  model(sample());
  CHECK(state(model, of<BatchStat>)["bn.mean"].to_vector<float>() != before["bn.mean"].to_vector<float>());
}

TEST_CASE("a new head says what of the old one was left out") {
  Ref<Layer> model = small_model();
  const SurgeryPlan plan = operate_on(model, "- replace: linear2\n  with: {type: Linear, out_features: 5}\n");
  CHECK(plan.steps[0].report.notes == std::vector<std::string>{"left out: linear2.bias f32[3]; new: f32[5]", "left out: linear2.kernel f32[8,3]; new: f32[8,5]"});
  CHECK(state(model)["linear2.kernel"].shape() == Shape{8, 5});
}

TEST_CASE("other arguments for some of the replaced layers") {
  Ref<Layer> model = small_model();
  operate_on(model, "- replace: Linear\n  with: {type: LoRALinear, lora_rank: 2}\n  override: [{match: linear2, lora_rank: 1}]\n");
  CHECK(state(model)["linear1.lora.lora_a"].shape() == Shape{4, 2});
  CHECK(state(model)["linear2.lora.lora_a"].shape() == Shape{8, 1});
  CHECK(error_of(small_model(), "- replace: linear1\n  with: {type: LoRALinear, lora_rank: 2}\n  override: [{match: linear2, lora_rank: 1}]\n") ==
        "s.yaml:3:14: [0].override[0]: matches none of the replaced layers; they are linear1");
}

TEST_CASE("wrap nests a layer, unwrap takes it out again") {
  Ref<Layer> model = small_model();
  const std::vector<float> before = evaluated(model);
  operate_on(model, "- wrap: linear1\n  with: {type: LoRA, lora_rank: 2}\n");
  CHECK(state(model).contains("linear1.base_module.kernel"));
  CHECK(evaluated(model) == before);
  operate_on(model, "- unwrap: linear1\n");
  CHECK(state(model).contains("linear1.kernel"));
  CHECK(evaluated(model) == before);
}

TEST_CASE("layers of a Sequential are inserted, removed and renamed") {
  Ref<Layer> model = small_model();
  operate_on(model,
             "- insert: {more: {type: Linear, in_features: 8, out_features: 8}, tanh: tanh}\n  after: gelu\n"
             "- remove: dropout\n- rename: linear2\n  to: head\n");
  CHECK(as<Sequential>(model)->names == "linear1 gelu more tanh bn head");
  CHECK(evaluated(model).size() == 6);
  CHECK(error_of(small_model(), "- insert: {gelu: gelu}\n  before: bn\n").find("there is a layer 'gelu' already; give the new one another name") !=
        std::string::npos);
  CHECK(error_of(small_model(), "- remove: dropout\n- set: dropout\n  attributes: {rate: 0.1}\n").find(
            "'dropout' is not there any more: it was removed at s.yaml:1:3") != std::string::npos);
}

TEST_CASE("layers of a list are inserted and removed") {
  Rngs rngs(0);
  Ref<Layer> model = make<Tower>(rngs);
  operate_on(model, "- insert: {new: {type: Linear, in_features: 4, out_features: 4}}\n  before: 'blocks.2'\n- remove: 'blocks.1'\n");
  const auto tower = as<Tower>(model);
  REQUIRE(tower->blocks.size() == 3);
  for (const auto& block : tower->blocks) CHECK(block->type().name == "Linear");
  CHECK(paths(model).size() == 6);
}

TEST_CASE("what is shared is changed only when it says where") {
  Rngs rngs(0);
  Ref<Layer> model = make<Siamese>(rngs);
  const std::string replace = "- replace: left\n  with: {type: LoRALinear, lora_rank: 1}\n";
  CHECK(error_of(model, replace) ==
        "s.yaml:1:12: [0].replace: what this matches is shared: it is reached as 'left', 'right'; say shared: all to "
        "change it everywhere, or shared: this for the places that match");
  const auto siamese = as<Siamese>(model);
  operate_on(model, replace + "  shared: all\n");
  CHECK(siamese->left == siamese->right);
  CHECK(siamese->left->type().name == "LoRALinear");
  operate_on(model, "- replace: right\n  with: {type: Linear}\n  shared: this\n");
  CHECK(siamese->left->type().name == "LoRALinear");
  CHECK(siamese->right->type().name == "Linear");
  CHECK(siamese->left->kernel.same(siamese->right->kernel));   // the Variable is still the same
  operate_on(model, "- untie: right.kernel\n");
  CHECK_FALSE(siamese->left->kernel.same(siamese->right->kernel));
  CHECK(siamese->left->kernel.get().to_vector<float>() == siamese->right->kernel.get().to_vector<float>());
}

TEST_CASE("tie puts one object at two places") {
  Rngs rngs(0);
  Ref<Layer> model = make<Tower>(rngs);
  operate_on(model, "- tie: blocks.2.kernel\n  to: blocks.0.kernel\n");
  CHECK(find_duplicates(model).size() == 1);
  CHECK(error_of(model, "- tie: blocks.2.kernel\n  to: blocks.0.kernel\n").ends_with("tie: they are one Variable already"));
  CHECK(error_of(model, "- reinit: blocks.2\n  init: zeros\n").find("is shared") != std::string::npos);
  operate_on(model, "- untie: blocks.0.kernel\n");
  CHECK(find_duplicates(model).empty());
  CHECK(error_of(model, "- untie: blocks.0.kernel\n").ends_with("matches nothing that is shared; nothing in the model is"));
}

TEST_CASE("a transposed tie: one kernel, used in both directions") {
  Rngs rngs(0);
  std::vector<std::pair<std::string, Ref<Layer>>> named;
  named.emplace_back("encoder", make<Linear>(4, 3, rngs));
  named.emplace_back("decoder", make<Linear>(3, 4, rngs));
  Ref<Layer> model = make<Sequential>(named);
  operate_on(model, "- tie: decoder.kernel\n  to: encoder.kernel\n  transpose: true\n");
  const auto sequence = as<Sequential>(model);
  const auto encoder = as<Linear>(sequence->layers[0]), decoder = as<Linear>(sequence->layers[1]);
  CHECK(decoder->type().name == "TransposedLinear");
  CHECK(decoder->kernel.same(encoder->kernel));
  CHECK(state(model).size() == 3);
  const Array x = sample(), want = matmul(matmul(x, encoder->kernel.get()), transpose(encoder->kernel.get()));
  const std::vector<float> got = model(x).to_vector<float>(), expected = want.to_vector<float>();
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]));
  CHECK(error_of(model, "- tie: decoder.kernel\n  to: encoder.kernel\n  transpose: true\n").ends_with("they are one Variable already"));
  CHECK(error_of(small_model(), "- tie: linear2.kernel\n  to: linear1.kernel\n  transpose: true\n")
            .ends_with("linear2.kernel (Param f32[8,3]) and linear1.kernel (Param f32[4,8]) are not transposes of each other"));
  CHECK(error_of(small_model(), "- tie: bn.scale\n  to: linear1.bias\n  transpose: true\n").ends_with("bn.scale (Param f32[8]) is not the kernel of a Linear; transpose is for those"));
}

TEST_CASE("values: reinit, cast, set and merge_lora") {
  Ref<Layer> model = small_model();
  operate_on(model, "- reinit: linear2.kernel\n  init: {type: constant, value: 2}\n- set: dropout\n  attributes: {rate: 0.25}\n");
  CHECK(state(model)["linear2.kernel"].to_vector<float>() == std::vector<float>(24, 2.0f));
  CHECK(as<Dropout>(as<Sequential>(model)->layers[3])->rate.value() == 0.25);
  operate_on(model, "- replace: Linear\n  with: {type: LoRALinear, lora_rank: 2}\n- reinit: {path: '**.lora_b'}\n  init: {type: normal, stddev: 0.5}\n");
  const std::vector<float> adapted = evaluated(model);
  operate_on(model, "- merge_lora: Linear\n");
  CHECK(paths(model, of<LoRAParam>).empty());
  const std::vector<float> merged = evaluated(model);
  for (size_t i = 0; i < merged.size(); ++i) CHECK(merged[i] == doctest::Approx(adapted[i]).epsilon(1e-5));
  operate_on(model, "- cast: linear2\n  dtype: f64\n");
  CHECK(state(model)["linear2.kernel"].dtype() == DType::f64);
}

TEST_CASE("load takes values by path, with other names and shapes as asked") {
  Ref<Layer> source = small_model();
  operate_on(source, "- reinit: linear1.bias\n  init: ones\n- rename: linear2\n  to: head\n");
  const StateReader reader = [&](const std::string& name) -> LoadedState { return {name + "@3", state(source)}; };
  Ref<Layer> model = small_model();
  CHECK(error_of(model, "- load: runs/a\n", reader).find("it has no value for linear2.bias, linear2.kernel; nothing takes its head.bias, head.kernel") !=
        std::string::npos);
  model = small_model();
  const SurgeryPlan plan = operate_on(model, "- load: runs/a\n  map: [{from: 're:head\\.(.*)', to: 'linear2.$1'}]\n", reader);
  CHECK(state(model)["linear1.bias"].to_vector<float>() == std::vector<float>(8, 1.0f));
  CHECK(plan.steps[0].report.matched == state(model).size());
  const std::string wider = "- replace: linear2\n  with: {type: Linear, out_features: 5}\n- load: runs/a\n  select: {kind: Param}\n  map: [{from: head, to: linear2}]\n";
  model = small_model();
  CHECK(error_of(model, wider, reader).find("'linear2.bias' is f32[5] here and f32[3] in the run") != std::string::npos);
  model = small_model();
  const SurgeryPlan sliced = operate_on(model, wider + "  on_shape: slice\n", reader);
  CHECK(sliced.steps[1].report.notes.size() == 2);
  const auto kernel = state(model)["linear2.kernel"].to_vector<float>(), old = state(source)["head.kernel"].to_vector<float>();
  for (size_t row = 0; row < 8; ++row)
    for (size_t column = 0; column < 3; ++column) CHECK(kernel[row * 5 + column] == old[row * 3 + column]);
}

TEST_CASE("selectors: every part must match, and what there is is listed") {
  CHECK(error_of(small_model(), "- freeze: [linear1, linaer2]\n").starts_with(
            "s.yaml:1:21: [0].freeze[1]: 'linaer2' matches no Variable of the model; did you mean 'linear2'? the model has: bn.bias (Param "
            "f32[8]), bn.mean (BatchStat f32[8]), "));
  CHECK(error_of(small_model(), "- replace: {type: LayerNrom}\n  with: gelu\n").starts_with(
            "s.yaml:1:19: [0].replace.type: 'type:LayerNrom' matches no layer of the model; "));
  CHECK(error_of(small_model(), "- replace: Linear\n  expect: 3\n  with: {type: LoRALinear, lora_rank: 2}\n") ==
        "s.yaml:1:12: [0].replace: expected 3 matches, as `expect` says, got 2: linear1, linear2");
  CHECK(error_of(small_model(), "- freeze: '...'\n") ==
        "s.yaml:1:3: [0]: after this everything is frozen: nothing is left to train; unfreeze some of it");
  Ref<Layer> model = small_model();
  operate_on(model, "- freeze: {all: [Param, {not: {any: [linear2, LoRAParam]}}]}\n- replace: {re: 'lin.*9'}\n  with: gelu\n  optional: true\n");
  CHECK(paths(model, frozen()) == std::vector<std::string>{"bn.bias", "bn.scale", "linear1.bias", "linear1.kernel"});
}

TEST_CASE("selectors by attribute, shape and size") {
  const auto chosen = [](const std::string& yaml, bool layers = true) {
    const Ref<Layer> model = small_model();
    Diagnostics diagnostics;
    const Selector selector = read_selector(parse_yaml(yaml, "s.yaml"), diagnostics);
    const Anatomy anatomy(*model);
    std::vector<std::string> paths;
    if (layers)
      for (const size_t i : select_modules(anatomy, selector, diagnostics)) paths.push_back(to_string(anatomy.modules[i].path()));
    else
      for (const size_t i : select_variables(anatomy, selector, diagnostics)) paths.push_back(to_string(anatomy.variables[i].path()));
    return paths;
  };
  using Paths = std::vector<std::string>;
  CHECK(chosen("{has: bias}") == Paths{"bn", "linear1", "linear2"});
  CHECK(chosen("{has: kernel, params: '>30'}") == Paths{"linear1"});
  CHECK(chosen("{shape: ['*', 3]}") == Paths{"linear2"});
  CHECK(chosen("{params: 40}") == Paths{"linear1"});   // 4*8 + 8
  CHECK(chosen("{all: [{params: '>=16'}, {params: '<40'}]}") == Paths{"bn", "linear2"});
  CHECK(chosen("{shape: ['*', 3]}", false) == Paths{"linear2.kernel"});
  CHECK(chosen("{kind: Param, shape: [8]}", false) == Paths{"bn.bias", "bn.scale", "linear1.bias"});
  CHECK(chosen("{kind: Param, params: '<=3'}", false) == Paths{"linear2.bias"});
  CHECK(chosen("['any(shape:[4, 8], all(linear2, params:>20))']", false) == Paths{"linear1.kernel", "linear2.kernel"});
}

TEST_CASE("resize keeps what both sizes have, copy repeats a layer") {
  Ref<Layer> model = small_model();
  const std::vector<float> old = state(model)["linear2.kernel"].to_vector<float>();
  const Variable bn = as<BatchNorm>(as<Sequential>(model)->layers[2])->scale;
  const SurgeryPlan plan = operate_on(model, "- resize: linear2\n  with: {out_features: 5}\n- copy: bn\n  times: 2\n");
  CHECK(plan.steps[0].report.notes ==
        std::vector<std::string>{"resized: linear2.bias f32[3] to f32[5]", "resized: linear2.kernel f32[8,3] to f32[8,5]"});
  const std::vector<float> wide = state(model)["linear2.kernel"].to_vector<float>();
  for (size_t row = 0; row < 8; ++row)
    for (size_t column = 0; column < 3; ++column) CHECK(wide[row * 5 + column] == old[row * 3 + column]);
  const auto sequence = as<Sequential>(model);
  CHECK(sequence->names == "linear1 gelu bn bn_2 bn_3 dropout linear2");
  CHECK(as<BatchNorm>(sequence->layers[2])->scale.same(bn));
  CHECK_FALSE(as<BatchNorm>(sequence->layers[3])->scale.same(bn));
  CHECK(evaluated(model).size() == 10);
  CHECK(error_of(model, "- copy: bn\n").find("there is a layer 'bn_2' already; names: [...] gives the copies others") != std::string::npos);
  Rngs rngs(0);
  Ref<Layer> tower = make<Tower>(rngs);
  operate_on(tower, "- copy: blocks.1\n  times: 2\n");
  CHECK(as<Tower>(tower)->blocks.size() == 5);
}

TEST_CASE("every operation says what it is for, and the plan is a table and JSON") {
  CHECK(operations().components().size() == 17);
  for (const ComponentDoc& doc : operations().components())
    for (const FieldDoc& field : doc.fields) {
      CAPTURE(doc.name + "." + field.name);
      CHECK_FALSE(field.help.empty());
    }
  Ref<Layer> model = small_model();
  const SurgeryPlan plan = operate_on(model, "- replace: Linear\n  with: {type: LoRALinear, lora_rank: 2}\n- freeze: {not: LoRAParam}\n");
  const std::string text = to_text(plan);
  CAPTURE(text);
  CHECK(text.find("s.yaml:1:3  replace") != std::string::npos);
  CHECK(text.find("2 of 2 Linear") == std::string::npos);
  CHECK(text.find("2 Linear") != std::string::npos);
  CHECK(text.find("linear1 linear2") != std::string::npos);
  CHECK(text.find("+ LoRAParam 46") != std::string::npos);
  CHECK(text.ends_with("trainable 46 of 129 parameters (35.66 %)\n"));
  CHECK(to_json(plan).find("\"operation\": \"replace\"") != std::string::npos);
}
