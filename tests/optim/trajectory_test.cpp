// Optimizers against Optax: paths of f(x) = sum x^2, and trainings of a small network.
#include "config/parse.h"
#include "helpers.h"
#include "support/golden.h"

using namespace nnx;
using namespace nnx::test;

namespace {

// What stands in the known answers, as a config would say it.
std::string yaml_of(const GoldenArgs& args) {
  std::string text, nested;
  const auto add = [&](const std::string& name, const std::string& value) {
    const std::string prefix = "learning_rate.";
    if (name.starts_with(prefix)) nested += (nested.empty() ? "" : ", ") + name.substr(prefix.size()) + ": " + value;
    else text += name + ": " + value + "\n";
  };
  for (const auto& [name, values] : args.number_lists) {
    if (name == "nesterov") add(name, values[0] != 0 ? "true" : "false");
    else add(name, format_number(values[0]));
  }
  for (const auto& [name, value] : args.strings) add(name, name == "mask" ? "'path:" + value + "'" : value);
  return nested.empty() ? text : text + "learning_rate: {" + nested + "}\n";
}

Ref<Optimizer> build(const GoldenArgs& args, const Ref<ModuleBase>& model) {
  Diagnostics diagnostics;
  return optimizers().build(parse_yaml(yaml_of(args), "golden"), diagnostics, model, 0);
}

struct Dense : Module<Dense, Layer> {
  Param kernel, bias;
  Array operator()(const Array& x) override { return matmul(x, kernel) + bias; }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
  }
};

struct GoldenNet : Module<GoldenNet> {
  Ref<Dense> linear1 = make<Dense>(), linear2 = make<Dense>();
  Array operator()(const Array& x) { return (*linear2)(gelu((*linear1)(x))); }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("linear2", self.linear2);
  }
};

Array array_of(const GoldenArray& a) {
  const Shape shape(a.shape);
  return a.dtype == "i32" ? array<int32_t>(a.as<int32_t>(), shape) : array<float>(a.floats(), shape);
}

Ref<GoldenNet> golden_net() {
  auto net = make<GoldenNet>();
  const GoldenArrays& initial = golden_training().initial_params;
  net->linear1->kernel = Param(array_of(initial.at("linear1.kernel")));
  net->linear1->bias = Param(array_of(initial.at("linear1.bias")));
  net->linear2->kernel = Param(array_of(initial.at("linear2.kernel")));
  net->linear2->bias = Param(array_of(initial.at("linear2.bias")));
  return net;
}

}  // namespace

TEST_CASE("the paths of sum x^2 are Optax's") {
  for (const KnownAnswer& known : known_answers("optimizer")) {
    CAPTURE(known.name);
    auto model = make<Point>();
    auto optimizer = build(known.args, model);
    for (size_t step = 0; step < 5; ++step) {
      optimizer->update(point_grads(model));
      const std::vector<float> x = model->x.get().to_vector<float>();
      for (size_t i = 0; i < 3; ++i) {
        CAPTURE(step);
        const double want = known.answer.values[3 * step + i];
        CHECK(std::abs(x[i] - want) <= 1e-6 * std::abs(want));
      }
    }
    CHECK(optimizer->step.get().item<uint32_t>() == 5);
  }
}

TEST_CASE("trainings of a small network follow the float64 ones") {
  const GoldenTraining& training = golden_training();
  for (const GoldenRun& run : training.runs) {
    CAPTURE(run.name);
    auto model = golden_net();
    auto optimizer = build(run.optimizer, model);
    auto train_step = jit([](Ref<GoldenNet> net, Ref<Optimizer> opt, Array x, Array labels) {
      auto loss_fn = [&](Ref<GoldenNet> m) { return mean(softmax_cross_entropy((*m)(x), labels)); };
      auto [loss, grads] = value_and_grad(loss_fn, opt->wrt())(net);
      const Array norm = optim::global_norm(grads);
      opt->update(grads);
      return std::pair(loss, norm);
    });
    double worst_loss = 0, worst_norm = 0;
    for (size_t t = 0; t < static_cast<size_t>(run.steps); ++t) {
      const GoldenArrays& batch = training.batches[t % training.batches.size()];
      auto [loss, norm] = train_step(model, optimizer, array_of(batch.at("x")), array_of(batch.at("labels")));
      worst_loss = std::max(worst_loss, std::abs(loss.item<float>() - run.losses[t]));
      worst_norm = std::max(worst_norm, std::abs(norm.item<float>() - run.gradient_norms[t]));
    }
    CHECK(worst_loss < 1e-6);
    CHECK(worst_norm < 1e-6);
    for (const auto& [path, leaf] : optimizer->parameters()) {
      CAPTURE(to_string(path));
      CHECK(mismatch(leaf.value.to_vector<float>(), run.final_params.at(to_string(path)), 1e-5, 1e-6) == "");
    }
    CHECK(train_step.entries() == 1);
  }
}

TEST_CASE("the schedules are Optax's") {
  for (const KnownAnswer& known : known_answers("schedule")) {
    CAPTURE(known.name);
    const bool warmup = known.args.has("warmup_steps");
    const auto arg = [&](const char* name) { return known.args.number(name); };
    const Ref<optim::Schedule> schedule =
        warmup ? Ref<optim::Schedule>(make<optim::WarmupCosine>(
                     arg("init_value"), arg("peak_value"), arg("warmup_steps"), arg("decay_steps"), arg("end_value")))
               : make<optim::Cosine>(arg("init_value"), arg("decay_steps"), arg("alpha"));
    const std::vector<double>& counts = known.args.numbers("counts");
    const double peak = warmup ? arg("peak_value") : arg("init_value");
    for (size_t i = 0; i < counts.size(); ++i) {
      CAPTURE(counts[i]);
      const float rate = (*schedule)(scalar(static_cast<int32_t>(counts[i]))).item<float>();
      CHECK(std::abs(rate - known.answer.values[i]) <= 1e-6 * peak);
    }
  }
}
