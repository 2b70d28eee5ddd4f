// Small models and runs that the tests of optimizers share.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "optim/optim.h"
#include "support/errors.h"

namespace nnx::test {

// One parameter, to follow f(x) = sum x^2 from (1, 2, 3).
struct Point : Module<Point> {
  Param x = Param(array<float>({1, 2, 3}, {3}));
  static void fields(auto& self, auto&& f) { f("x", self.x); }
};

struct Affine : Module<Affine, Layer> {
  Param kernel, bias;
  BatchStat calls;
  Affine() = default;
  Affine(int64_t in, int64_t out, Rngs& rngs)
      : kernel(random::uniform(rngs.params(), {in, out})), bias(zeros({out})), calls(zeros({})) {}
  Array operator()(const Array& x) override {
    calls.set(calls.get() + 1);
    return matmul(x, kernel) + bias;
  }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("calls", self.calls);
  }
};

// Two dense layers and one that has a list of parts, so that paths have indices.
struct Net : Module<Net> {
  Ref<Affine> linear1, linear2;
  std::vector<Ref<Affine>> blocks;
  Net() = default;
  explicit Net(Rngs& rngs) : linear1(make<Affine>(2, 4, rngs)), linear2(make<Affine>(4, 2, rngs)) {
    for (int i = 0; i < 11; ++i) blocks.push_back(make<Affine>(4, 4, rngs));  // 10 sorts after 2 by number only
  }
  Array operator()(const Array& x) {
    Array h = tanh((*linear1)(x));
    for (const Ref<Affine>& block : blocks) h = tanh((*block)(h));
    return (*linear2)(h);
  }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("linear2", self.linear2);
    f("blocks", self.blocks);
  }
};

inline Array net_loss(const Ref<Net>& model, const Array& x, const Array& y) { return mean(square((*model)(x)-y)); }

inline std::map<std::string, std::vector<float>> floats_of(const State& state) {
  std::map<std::string, std::vector<float>> out;
  for (const auto& [path, leaf] : state)
    if (leaf.value.dtype() == DType::f32) out[to_string(path)] = leaf.value.to_vector<float>();
  return out;
}

// Gradients of sum x^2.
inline State point_grads(const Ref<Point>& model) {
  return grad([](Ref<Point> m) { return sum(square(m->x.get())); })(model);
}

}  // namespace nnx::test
