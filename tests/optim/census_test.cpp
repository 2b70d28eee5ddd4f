// Flax's behaviours of optimizers, numbered as in the list they come from.
#include "helpers.h"

using namespace nnx;
using namespace nnx::test;

namespace {

struct AdaptedWithStatistics : Module<AdaptedWithStatistics> {
  Param kernel = Param(array<float>({1, 2, 3, 4}, {2, 2}));
  LoRAParam lora_a = LoRAParam(array<float>({0.3f, -0.2f}, {2, 1})), lora_b = LoRAParam(array<float>({0.1f, 0.4f}, {1, 2}));
  BatchStat calls = BatchStat(zeros({1}));
  Array operator()(const Array& x) { return matmul(x, kernel) + matmul(matmul(x, lora_a), lora_b); }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("lora_a", self.lora_a);
    f("lora_b", self.lora_b);
    f("calls", self.calls);
  }
};

Array loss_of(Ref<AdaptedWithStatistics> m) { return mean(square(m(ones({3, 2})))); }

}  // namespace

TEST_CASE("census 49: an optimizer of LoRAParams changes these alone") {
  auto model = make<AdaptedWithStatistics>();
  auto optimizer = make<Optimizer>(model, optim::adam(1e-2), of<LoRAParam>);
  const State others = state(model, !of<LoRAParam>), adapters = state(model, of<LoRAParam>);
  const auto step = jit([](Ref<AdaptedWithStatistics> m, Ref<Optimizer> o) {
    auto [loss, grads] = value_and_grad(loss_of, o->wrt())(m);
    o->update(grads);
    return loss;
  });
  const float first = step(model, optimizer).item<float>(), second = step(model, optimizer).item<float>();
  CHECK(second < first);
  CHECK(loss_of(model).item<float>() < second);
  CHECK(state(model, !of<LoRAParam>) == others);   // bit for bit
  const State changed = state(model, of<LoRAParam>);
  for (const auto& [path, leaf] : changed) {
    CAPTURE(to_string(path));
    CHECK(leaf.value.to_vector<float>() != adapters.at(path).value.to_vector<float>());
  }
}

TEST_CASE("census 50: update gives updates of the parameters' shapes") {
  auto model = make<AdaptedWithStatistics>();
  auto optimizer = make<Optimizer>(model, optim::adam(1e-2));
  const State before = state(model, of<Param>);
  const State updates = optimizer->update(grad(loss_of)(model));
  CHECK(updates.paths() == before.paths());
  for (const auto& [path, leaf] : updates) CHECK(leaf.value.type() == before.at(path).value.type());
}
