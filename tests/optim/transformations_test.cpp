// Each transformation and schedule by itself, and the registries.
#include <cmath>
#include <limits>

#include "config/parse.h"
#include "helpers.h"

using namespace nnx;
using namespace nnx::test;

namespace {

State two_leaves(std::vector<float> a, std::vector<float> b) {
  State state;
  const auto size = [](const auto& v) { return static_cast<int64_t>(v.size()); };
  state.insert(parse_path("net.kernel"), {array<float>(a, {size(a)}), &Param::static_kind()});
  state.insert(parse_path("net.bias"), {array<float>(b, {size(b)}), &Param::static_kind()});
  return state;
}

std::vector<float> kernel_of(const State& state) { return state["net.kernel"].to_vector<float>(); }
std::vector<float> bias_of(const State& state) { return state["net.bias"].to_vector<float>(); }

Ref<Optimizer> build(const std::string& yaml, Diagnostics& diagnostics, const Ref<ModuleBase>& model,
                     int64_t total_steps = 0) {
  return optimizers().build(*parse_yaml("optimizer: " + yaml, "a.yaml").find("optimizer"), diagnostics, model,
                            total_steps);
}

std::string build_error(const std::string& yaml) {
  Diagnostics diagnostics;
  return error_of([&] { build(yaml, diagnostics, make<Point>()); });
}

}  // namespace

TEST_CASE("clip_by_global_norm: all leaves together, untouched below the limit") {
  const State grads = two_leaves({3, 0}, {4}), none;  // norm 5
  const auto clipped = [&](double limit) { return make<optim::ClipByGlobalNorm>(limit)->update(grads, none); };
  CHECK(optim::global_norm(grads).item<float>() == 5);
  CHECK(kernel_of(clipped(5.5)) == std::vector<float>{3, 0});
  CHECK(bias_of(clipped(5.5)) == std::vector<float>{4});
  CHECK(kernel_of(clipped(5)) == std::vector<float>{3, 0});
  CHECK(kernel_of(clipped(1))[0] == doctest::Approx(0.6));
  CHECK(bias_of(clipped(1))[0] == doctest::Approx(0.8));
  const State bad = two_leaves({std::numeric_limits<float>::quiet_NaN(), 0}, {4});
  CHECK(std::isnan(bias_of(make<optim::ClipByGlobalNorm>(1)->update(bad, none))[0]));
  const State zero = two_leaves({0, 0}, {0});
  CHECK(bias_of(make<optim::ClipByGlobalNorm>(1)->update(zero, none)) == std::vector<float>{0});
}

TEST_CASE("weight decay is added where the mask matches") {
  const State grads = two_leaves({1, 2}, {3}), params = two_leaves({10, 20}, {30});
  auto all = make<optim::AddDecayedWeights>(0.5);
  CHECK(kernel_of(all->update(grads, params)) == std::vector<float>{6, 12});
  CHECK(bias_of(all->update(grads, params)) == std::vector<float>{18});
  auto kernels = make<optim::AddDecayedWeights>(0.5, path("**.kernel"));
  CHECK(kernel_of(kernels->update(grads, params)) == std::vector<float>{6, 12});
  CHECK(bias_of(kernels->update(grads, params)) == std::vector<float>{3});
  auto copy = clone(kernels);  // the mask is read back from its text
  CHECK(bias_of(copy->update(grads, params)) == std::vector<float>{3});
}

TEST_CASE("momentum accumulates, nesterov looks ahead") {
  const State grads = two_leaves({1, 2}, {4});
  for (const bool nesterov : {false, true}) {
    auto momentum = make<optim::Momentum>(0.5, nesterov);
    momentum->init(grads);
    const float first = bias_of(momentum->update(grads, grads))[0], second = bias_of(momentum->update(grads, grads))[0];
    CHECK(first == (nesterov ? 6.0f : 4.0f));
    CHECK(second == (nesterov ? 7.0f : 6.0f));
    CHECK(state(momentum)["trace.net.bias"].to_vector<float>() == std::vector<float>{6});
  }
}

TEST_CASE("adam's bias correction holds its digits") {
  // With a constant gradient both corrected moments are exact at every step: the update is g / (|g| + eps).
  auto adam = make<optim::ScaleByAdam>();
  const State grads = two_leaves({0.25f, -3}, {1e-3f});
  adam->init(grads);
  for (int step = 0; step < 1000; ++step) {
    const State updates = adam->update(grads, grads);
    if (step > 3 && step % 100) continue;
    CAPTURE(step);
    CHECK(kernel_of(updates)[0] == doctest::Approx(1).epsilon(2e-6));
    CHECK(kernel_of(updates)[1] == doctest::Approx(-1).epsilon(2e-6));
    CHECK(bias_of(updates)[0] == doctest::Approx(1e-3 / (1e-3 + 1e-8)).epsilon(2e-6));
  }
  auto plain = make<optim::ScaleByAdam>(0.0, 0.0, 0.0);  // no memory: the sign of g
  plain->init(grads);
  CHECK(kernel_of(plain->update(grads, grads)) == std::vector<float>{1, -1});
}

TEST_CASE("a schedule counts updates from 0") {
  auto model = make<Point>();
  auto optimizer = make<Optimizer>(model, optim::sgd(make<optim::WarmupCosine>(0.0, 0.1, 2, 6)));
  const std::vector<double> rates{0, 0.05, 0.1, 0.05 * (1 + std::sqrt(0.5)), 0.05, 0.05 * (1 - std::sqrt(0.5)), 0, 0};
  for (const double rate : rates) {
    CHECK(optimizer->learning_rate().item<float>() == doctest::Approx(rate).epsilon(1e-6));
    const float x = model->x.get().to_vector<float>()[0];
    optimizer->update(point_grads(model));
    CHECK(model->x.get().to_vector<float>()[0] == doctest::Approx(x - rate * 2 * x).epsilon(1e-6));
  }
  CHECK(state(optimizer)["tx.learning_rate.count"].item<int32_t>() == 8);
}

TEST_CASE("schedules at their edges") {
  const auto at = [](optim::Schedule& schedule, int32_t count) { return schedule(scalar(count)).item<float>(); };
  optim::WarmupCosine no_warmup(0.5, 1, 0, 10, 0.1);
  CHECK(at(no_warmup, 0) == 1);
  CHECK(at(no_warmup, 10) == doctest::Approx(0.1));
  optim::WarmupCosine flat(0, 0, 2, 4, 0);
  for (const int count : {0, 2, 3, 9}) CHECK(at(flat, count) == 0);
  optim::Cosine squared(1, 4, 0, 2);
  CHECK(at(squared, 2) == doctest::Approx(0.25));
  CHECK(at(squared, 4) == doctest::Approx(0));
  CHECK_THROWS_AS(optim::WarmupCosine(0, 1, 10, 10), Error);
}

TEST_CASE("every schedule and optimizer is documented and builds from what it requires") {
  const std::map<std::string, std::string> required{
      {"sgd", "learning_rate: 0.1"},   {"adam", "learning_rate: 0.1"},
      {"adamw", "learning_rate: 0.1"}, {"constant", "value: 0.1"},
      {"cosine", "init_value: 0.1"},   {"warmup_cosine", "peak_value: 0.1, warmup_steps: 2"}};
  const auto documented = [&](const ComponentDoc& doc) {
    CAPTURE(doc.name);
    CHECK(required.contains(doc.name));
    CHECK_FALSE(doc.help.empty());
    for (const FieldDoc& field : doc.fields) CHECK_FALSE(field.help.empty());
  };
  size_t count = 0;
  const auto yaml = [&](const std::string& name) { return "{type: " + name + ", " + required.at(name) + "}"; };
  for (const ComponentDoc& doc : optimizers().components()) {
    documented(doc);
    Diagnostics diagnostics;
    auto model = make<Point>();
    auto optimizer = build(yaml(doc.name), diagnostics, model);
    optimizer->update(point_grads(model));
    CHECK(model->x.get().to_vector<float>()[0] < 1);
    ++count;
  }
  for (const ComponentDoc& doc : optim::schedules().components()) {
    documented(doc);
    Diagnostics diagnostics;
    auto model = make<Point>();
    auto optimizer = build("{type: sgd, learning_rate: " + yaml(doc.name) + "}", diagnostics, model, 100);
    CHECK(optimizer->learning_rate().item<float>() >= 0);
    ++count;
  }
  CHECK(count == required.size());
}

TEST_CASE("options reach the transformations") {
  Diagnostics diagnostics;
  Rngs rngs(0);
  auto optimizer = build(
      "{type: adamw, learning_rate: {type: cosine, init_value: 0.5}, b1: 0.8, b2: 0.9, eps: 1e-3, "
      "weight_decay: 0.01, mask: 'path:**.kernel', clip_by_global_norm: 2, wrt: 'path:linear1.*'}",
      diagnostics, make<Net>(rngs), 40);
  const auto parts = as<optim::Chain>(optimizer->tx)->parts();
  REQUIRE(parts.size() == 4);
  CHECK(as<optim::ClipByGlobalNorm>(parts[0])->max_norm.value() == 2);
  const auto adam = as<optim::ScaleByAdam>(parts[1]);
  CHECK(adam->b1.value() == 0.8);
  CHECK(adam->b2.value() == 0.9);
  CHECK(adam->eps.value() == 1e-3);
  CHECK(as<optim::AddDecayedWeights>(parts[2])->mask.text == "path:**.kernel");
  CHECK(as<optim::AddDecayedWeights>(parts[2])->weight_decay.value() == 0.01);
  const auto cosine = as<optim::Cosine>(as<optim::ScaleByLearningRate>(parts[3])->schedule);
  CHECK(cosine->decay_steps.value() == 40);  // the whole run
  CHECK(optimizer->wrt().to_string() == "path:linear1.*");
  diagnostics.throw_if_any();
}

TEST_CASE("bad options say where and what") {
  const std::string number = "expected a number of at least 0, or a schedule such as {type: cosine, ...}, got ";
  CHECK(build_error("{type: adam, learning_rate: -1}") == "a.yaml:1:40: optimizer.learning_rate: " + number + "'-1'");
  CHECK(build_error("{type: adam, learning_rate: fast}") ==
        "a.yaml:1:40: optimizer.learning_rate: " + number + "'fast'");
  CHECK(build_error("{type: adam, learning_rate: [1]}") ==
        "a.yaml:1:40: optimizer.learning_rate: " + number + "a list");
  CHECK(build_error("adam").starts_with("a.yaml:1:12: optimizer.learning_rate: this key is required"));
  CHECK(build_error("{type: adam, learning_rate: 0.1, beta1: 0.9}")
            .starts_with("a.yaml:1:45: optimizer.beta1: unknown key"));
  CHECK(build_error("{type: adam, learning_rate: 0.1, b2: 1}").starts_with("a.yaml:1:49: optimizer.b2: expected"));
  CHECK(build_error("{type: adam, learning_rate: {type: cosin, init_value: 1}}").find("did you mean 'cosine'") !=
        std::string::npos);
  CHECK(build_error("{type: adam, learning_rate: {type: cosine, init_value: 1}}")
            .find("the length of the run is not known") != std::string::npos);
  CHECK(
      build_error(
          "{type: sgd, learning_rate: {type: warmup_cosine, peak_value: 1, warmup_steps: 5, decay_steps: 5}}") ==
      "a.yaml:1:39: optimizer.learning_rate: warmup_cosine: decay_steps: expected more than the 5 warmup_steps, got 5; "
      "decay_steps counts the warmup too");
  CHECK(build_error("{type: adam, learning_rate: 0.1, wrt: Parm}").find("adam: wrt: expected a kind of Variable") !=
        std::string::npos);
  CHECK(build_error("{type: adamw, learning_rate: 0.1, mask: Kernel}").find("adamw: mask: expected a kind") !=
        std::string::npos);
  // Known kinds and good patterns that match nothing here.
  CHECK(build_error("{type: adam, learning_rate: 0.1, wrt: LoRAParam}").find("matches some floating Variable") !=
        std::string::npos);
  CHECK(build_error("{type: adamw, learning_rate: 0.1, mask: 'path:y'}").find("a mask that matches some") !=
        std::string::npos);
}
