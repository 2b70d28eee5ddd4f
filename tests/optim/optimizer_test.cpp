// Optimizer: what it trains, where its state lies, sharing, and the train step of the guide under jit.
#include <algorithm>

#include "helpers.h"

using namespace nnx;
using namespace nnx::test;

namespace {

struct Both : Module<Both> {
  Ref<Net> model;
  Ref<Optimizer> optimizer;
  static void fields(auto& self, auto&& f) {
    f("model", self.model);
    f("optimizer", self.optimizer);
  }
};

struct Tied : Module<Tied> {
  Param a, b;
  Tied() : a(array<float>({1, 2}, {2})), b(a) {}
  static void fields(auto& self, auto&& f) {
    f("a", self.a);
    f("b", self.b);
  }
};

struct Adapted : Module<Adapted> {
  Param kernel = Param(array<float>({1, 2, 3, 4}, {2, 2}));
  LoRAParam lora_a = LoRAParam(array<float>({0.3f, -0.2f}, {2, 1})),
            lora_b = LoRAParam(array<float>({0.1f, 0.4f}, {1, 2}));
  Array operator()(const Array& x) { return matmul(x, kernel) + matmul(matmul(x, lora_a), lora_b); }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("lora_a", self.lora_a);
    f("lora_b", self.lora_b);
  }
};

struct Wide : Module<Wide> {
  Param x = Param(array<double>({1, 2, 3}, {3}));
  static void fields(auto& self, auto&& f) { f("x", self.x); }
};

// The train step of the guide.
auto guide_step() {
  return jit([](Ref<Net> model, Ref<Optimizer> optimizer, Array x, Array y) {
    auto loss_fn = [&](Ref<Net> m) { return net_loss(m, x, y); };
    auto [loss, grads] = value_and_grad(loss_fn, optimizer->wrt())(model);
    optimizer->update(grads);
    return loss;
  });
}

State net_grads(const Ref<Net>& model, const Array& x, const Array& y) {
  return grad([](Ref<Net> m, Array input, Array target) { return net_loss(m, input, target); })(model, x, y);
}

const Array input = array<float>({0.5f, -1, 2, 0.25f, -0.75f, 1}, {3, 2});
const Array target = array<float>({1, 0, 0, 1, 1, 1}, {3, 2});

}  // namespace

TEST_CASE("state lies under readable paths, which parse back to themselves") {
  Rngs rngs(0);
  auto optimizer = make<Optimizer>(make<Net>(rngs), optim::adam(1e-3));
  const State state = nnx::state(optimizer, of<OptState>);
  CHECK(state.contains("step"));
  CHECK(state.contains("tx.adam.count"));
  CHECK(state.contains("tx.adam.mu.linear1.kernel"));
  CHECK(state.contains("tx.adam.nu.blocks.10.bias"));
  CHECK(state.size() == 2 + 2 * optimizer->parameters().size());
  for (const auto& [path, leaf] : state) CHECK(parse_path(to_string(path)) == path);
  CHECK(state["tx.adam.mu.blocks.10.kernel"].shape() == Shape{4, 4});
  CHECK(state["step"].dtype() == DType::u32);
  CHECK(nnx::state(optimizer, path("tx.*.nu.**.kernel")).size() == 13);
}

TEST_CASE("update changes what wrt matches and gives the updates") {
  Rngs rngs(0);
  auto model = make<Net>(rngs);
  auto optimizer = make<Optimizer>(model, optim::sgd(0.5), path("linear2.**") && of<Param>);
  CHECK(optimizer->parameters().paths() == std::vector<std::string>{"linear2.bias", "linear2.kernel"});
  const auto before = floats_of(state(model));
  const State grads = net_grads(model, input, target);
  const State updates = optimizer->update(grads);
  CHECK(updates.paths() == optimizer->parameters().paths());
  for (const auto& [path, values] : floats_of(state(model))) {
    CAPTURE(path);
    if (!path.starts_with("linear2.") || path == "linear2.calls") {
      if (!path.ends_with("calls")) CHECK(values == before.at(path));  // bit for bit
      continue;
    }
    const std::vector<float> g = grads[path].to_vector<float>(), u = updates[path].to_vector<float>();
    CHECK(values != before.at(path));
    for (size_t i = 0; i < values.size(); ++i) {
      CHECK(u[i] == -0.5f * g[i]);
      CHECK(values[i] == before.at(path)[i] + u[i]);
    }
  }
}

TEST_CASE("wrt=LoRAParam: two adam steps lower the loss and change nothing else") {
  auto model = make<Adapted>();
  auto optimizer = make<Optimizer>(model, optim::adam(0.05), of<LoRAParam>);
  auto step = jit([](Ref<Adapted> m, Ref<Optimizer> opt, Array x, Array y) {
    auto [loss, grads] = value_and_grad([&](Ref<Adapted> a) { return mean(square((*a)(x)-y)); }, opt->wrt())(m);
    CHECK(grads.paths() == std::vector<std::string>{"lora_a", "lora_b"});
    opt->update(grads);
    return loss;
  });
  const auto kernel = model->kernel.get().to_vector<float>(), a = model->lora_a.get().to_vector<float>();
  const float first = step(model, optimizer, input, target).item<float>();
  const float second = step(model, optimizer, input, target).item<float>();
  const float third = step(model, optimizer, input, target).item<float>();
  CHECK(second < first);
  CHECK(third < second);
  CHECK(model->kernel.get().to_vector<float>() == kernel);
  CHECK(model->lora_a.get().to_vector<float>() != a);
  CHECK_FALSE(state(optimizer).contains("tx.adam.mu.kernel"));
}

TEST_CASE("adam and adamw update each parameter by one kernel that keeps everything in registers") {
  for (const auto& tx : {optim::adam(1e-3), optim::adamw(1e-3)}) {
    Rngs rngs(0);
    auto model = make<Net>(rngs);
    auto optimizer = make<Optimizer>(model, tx);
    auto step = guide_step();
    step(model, optimizer, input, target);
    const auto updates = std::ranges::count_if(step.plan()->report().steps, [](const StepReport& s) {
      return s.kernel.ends_with(" by moments");
    });
    CHECK(updates == static_cast<long>(optimizer->parameters().size()));
  }
}

TEST_CASE("the guide's step compiles once, and a new learning rate does not compile again") {
  Rngs rngs(0);
  auto model = make<Net>(rngs);
  auto optimizer = make<Optimizer>(model, optim::adamw(1e-3, {.clip_by_global_norm = 1.0}));
  auto step = guide_step();
  float loss = 1e9f;
  for (int i = 0; i < 20; ++i) {
    const float next = step(model, optimizer, input, target).item<float>();
    CHECK(next < loss);
    loss = next;
  }
  CHECK(optimizer->step.get().item<uint32_t>() == 20);
  CHECK(optimizer->learning_rate().item<float>() == 1e-3f);
  optimizer->set_learning_rate(0);
  const auto before = floats_of(optimizer->parameters());
  step(model, optimizer, input, target);
  CHECK(floats_of(optimizer->parameters()) == before);
  optimizer->set_learning_rate(0.25);
  step(model, optimizer, input, target);
  CHECK(floats_of(optimizer->parameters()) != before);
  CHECK(step.entries() == 1);
  CHECK(step.plan()->report().copied_aliases == std::vector<std::string>{});
}

TEST_CASE("an update is one pass over a parameter, its gradient and its moments, with the scalars computed once") {
  auto model = make<Affine>();
  Rngs rngs(0);
  *model = Affine(8, 3, rngs);
  auto optimizer = make<Optimizer>(model, optim::adamw(make<optim::WarmupCosine>(0.0, 0.1, 2, 6)));
  auto step = jit([](Ref<Optimizer> opt, Array kernel, Array bias) {
    State grads = opt->parameters();
    grads.set("kernel", kernel);
    grads.set("bias", bias);
    opt->update(grads);
  });
  step(optimizer, ones({8, 3}), ones({3}));
  CHECK(step.plan()->report().steps.size() == 3);  // kernel, bias, scalars
  CHECK(step.plan()->report().copied_aliases.empty());
}

TEST_CASE("every hyperparameter is an input of the compiled step") {
  auto model = make<Point>();
  auto adam = make<optim::ScaleByAdam>();
  auto decay = make<optim::AddDecayedWeights>(0.1);
  auto clip = make<optim::ClipByGlobalNorm>(1);
  auto momentum = make<optim::Momentum>(0.5, true);
  auto scale = make<optim::Scale>(2);
  auto cosine = make<optim::Cosine>(0.1, 10);
  auto optimizer = make<Optimizer>(
      model, make<optim::Chain>(optim::Chain::Parts{{"clip", clip},
                                                    {"momentum", momentum},
                                                    {"adam", adam},
                                                    {"decay", decay},
                                                    {"scale", scale},
                                                    {"rate", make<optim::ScaleByLearningRate>(cosine)}}));
  auto step = jit([](Ref<Point> m, Ref<Optimizer> opt) { return opt->update(point_grads(m))["x"]; });
  step(model, optimizer);
  auto [def, start] = split(optimizer);
  std::vector<float> before = step(model, optimizer).to_vector<float>();
  for (Number* number :
       {&adam->b1, &adam->b2, &adam->eps, &decay->weight_decay, &clip->max_norm, &momentum->decay, &scale->factor,
        &cosine->init_value, &cosine->decay_steps, &cosine->alpha, &cosine->exponent}) {
    update(optimizer, start);
    number->set(number->value() * 0.5 + 0.125);
    std::vector<float> after = step(model, optimizer).to_vector<float>();
    CHECK(after != before);
    before = std::move(after);
  }
  CHECK(step.entries() == 1);
}

TEST_CASE("eager and compiled updates agree") {
  Rngs rngs(0);
  auto model = make<Net>(rngs);
  auto optimizer = make<Optimizer>(model, optim::adamw(1e-2, {.clip_by_global_norm = 0.1}));
  auto copy = clone(optimizer);
  auto step = guide_step();
  for (int i = 0; i < 3; ++i) {
    step(model, optimizer, input, target);
    copy->update(net_grads(as<Net>(copy->model), input, target));
  }
  const auto a = floats_of(optimizer->parameters()), b = floats_of(copy->parameters());
  for (const auto& [path, values] : a)
    for (size_t i = 0; i < values.size(); ++i) CHECK(std::abs(values[i] - b.at(path)[i]) < 1e-5f);
}

TEST_CASE("split and merge keep what a model and its optimizer share, and the training goes on the same") {
  Rngs rngs(0);
  auto both = make<Both>();
  both->model = make<Net>(rngs);
  both->optimizer = make<Optimizer>(both->model, optim::adam(1e-2));
  auto step = guide_step();
  for (int i = 0; i < 3; ++i) step(both->model, both->optimizer, input, target);
  auto [def, params, opt_state, others] = split(both, of<Param>, of<OptState>, rest);
  auto copy = merge<Both>(def, params, opt_state, others);
  CHECK(copy->optimizer->model == Ref<ModuleBase>(copy->model));
  CHECK(copy->optimizer->wrt().to_string() == "Param");
  CHECK(graphdef(copy) == def);
  for (int i = 0; i < 3; ++i) {
    step(both->model, both->optimizer, input, target);
    step(copy->model, copy->optimizer, input, target);
  }
  CHECK(floats_of(state(both)) == floats_of(state(copy)));
  CHECK(copy->optimizer->step.get().item<uint32_t>() == 6);
  CHECK(params["model.linear1.kernel"].to_vector<float>() != both->model->linear1->kernel.get().to_vector<float>());
}

TEST_CASE("a tied Variable has one moment and one update") {
  auto model = make<Tied>();
  auto optimizer = make<Optimizer>(model, optim::sgd(0.5, {.momentum = 0.9}));
  CHECK(state(optimizer->tx).paths() == std::vector<std::string>{"momentum.trace.a"});
  auto loss = [](Ref<Tied> m) { return sum(m->a.get() * m->b.get()); };  // x^2: the gradient is 2 x
  optimizer->update(grad(loss)(model));
  CHECK(model->b.get().to_vector<float>() == std::vector<float>{0, 0});
}

TEST_CASE("float64 parameters keep their type") {
  auto model = make<Wide>();
  auto optimizer = make<Optimizer>(model, optim::adamw(0.003, {.clip_by_global_norm = 100.0}));
  for (int i = 0; i < 2; ++i) optimizer->update(grad([](Ref<Wide> m) { return sum(square(m->x.get())); })(model));
  CHECK(state(optimizer)["tx.adam.mu.x"].dtype() == DType::f64);
  CHECK(model->x.get().to_vector<double>()[0] == doctest::Approx(0.99399964).epsilon(1e-6));
}

TEST_CASE("what does not fit is an error that names it") {
  Rngs rngs(0);
  auto model = make<Net>(rngs);
  CHECK(error_of([&] { make<Optimizer>(model, optim::sgd(0.1), path("head.**")); }) ==
        "optimizer: expected a filter that matches some floating Variable of the model, got 'path:head.**'");
  CHECK(error_of([&] { make<Optimizer>(model, optim::adamw(0.1, {.mask = path("**.kernl")})); }) ==
        "weight decay: expected a mask that matches some parameter, got 'path:**.kernl'; the first parameter is "
        "'blocks.0.bias'");
  const auto tx = optim::adam(0.1);
  auto optimizer = make<Optimizer>(model, tx);
  CHECK(error_of([&] { make<Optimizer>(model, tx); }) ==
        "optimizer: the transformation already has state of another Optimizer; make one for each");
  CHECK(error_of([&] { optimizer->update(state(model, path("linear1.**"))); }) ==
        "optimizer: there is no gradient for 'blocks.0.bias'; differentiate with respect to optimizer->wrt()");
  State wrong = state(model, of<Param>);
  wrong.set("linear1.bias", zeros({7}));
  CHECK(error_of([&] { optimizer->update(wrong); }) ==
        "optimizer: gradient of 'linear1.bias': expected f32[4], got f32[7]");
  model->blocks.pop_back();
  CHECK(error_of([&] { optimizer->update(state(model, of<Param>)); }) ==
        "optimizer: got no update for 'blocks.10.bias'; make a new Optimizer after changing the parameters of a model");
  CHECK(error_of([&] {
          make<optim::Chain>(optim::Chain::Parts{{"a b", tx}});
        }) == "Chain: expected names of letters, digits and _, each once, got 'a b'");
  auto scheduled = make<Optimizer>(model, optim::sgd(make<optim::Cosine>(0.1, 10)));
  CHECK(error_of([&] { scheduled->set_learning_rate(1); }) ==
        "optimizer: expected a constant learning rate, got optim.Cosine; change the Numbers of the schedule");
  auto bare = make<Optimizer>(model, make<optim::Scale>(-0.1));
  CHECK(error_of([&] { bare->learning_rate(); }) ==
        "optimizer: expected a transformation that scales by a learning rate, got optim.Scale");
}
