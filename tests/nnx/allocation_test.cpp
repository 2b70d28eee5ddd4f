// A cached call allocates nothing of ours: neither memory nor Buffers.
#include <doctest/doctest.h>

#include "nnx/nnx.h"
#include "support/allocations.h"

using namespace nnx;

namespace {

struct Projection : Module<Projection, Layer> {
  Param kernel, bias;
  Number scale = 0.5;
  Projection() = default;
  Projection(int64_t in, int64_t out, Rngs& rngs) : kernel(random::normal(rngs.params(), {in, out})), bias(zeros({out})) {}
  Array operator()(const Array& x) override { return tanh(matmul(x, kernel) + bias) * scale.array(); }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("scale", self.scale);
  }
};

}  // namespace

TEST_CASE("a cached train step allocates nothing of ours") {
  Rngs rngs(0);
  auto model = make<Projection>(20, 30, rngs);
  const auto step = jit([](Ref<Projection> m, Array x) {
    const auto loss_fn = [&](Ref<Projection> inner) { return mean(square((*inner)(x))); };
    auto [loss, grads] = value_and_grad(loss_fn)(m);
    check_finite(loss, "loss");
    m->kernel.set(m->kernel.get() - grads["kernel"] * 0.1);
    m->bias.set(m->bias.get() - grads["bias"] * 0.1);
    return loss;
  });
  const Array x = ones({8, 20});
  float first = 0, last = 0;
  for (int i = 0; i < 5; ++i) first = step(model, x).item<float>();
  const int64_t before = test::allocations();
  const int64_t buffers = Buffer::allocations();
  for (int i = 0; i < 100; ++i) last = step(model, x).item<float>();
  CHECK(test::allocations() - before == 0);
  CHECK(Buffer::allocations() == buffers);
  CHECK(last < first);
  CHECK(step.entries() == 1);
}
