// Modules for the tests of transforms, with all kinds of state.
#pragma once

#include <doctest/doctest.h>

#include "nnx/nnx.h"
#include "support/errors.h"

namespace nnx::test {

struct Count : VariableOf<Count> { using VariableOf::VariableOf; static constexpr std::string_view name = "Count"; };

struct Linear : Module<Linear, Layer> {
  Param w, b;
  int64_t din = 0, dout = 0;
  Linear() = default;
  Linear(int64_t in, int64_t out, Rngs& rngs) : din(in), dout(out) {
    w = Param(random::uniform(rngs.params(), {in, out}));
    b = Param(zeros({out}));
  }
  Array operator()(const Array& x) override { return matmul(x, w) + b; }
  static void fields(auto& self, auto&& f) {
    f("w", self.w);
    f("b", self.b);
    f("din", self.din);
    f("dout", self.dout);
  }
};

// Param, BatchStat, Count and random state: [n, d] -> [n, d].
struct Block : Module<Block> {
  Param w, b;
  BatchStat mean;
  Count count;
  Number keep = 0.8;
  Ref<RngStream> noise;
  Block() = default;
  Block(int64_t d, Rngs& rngs) {
    w = Param(random::uniform(rngs.params(), {d, d}, -0.7, 0.7));
    b = Param(random::uniform(rngs.params(), {d}, -0.1, 0.1));
    mean = BatchStat(zeros({d}));
    count = Count(scalar<int32_t>(0));
    noise = rngs.stream("dropout")->fork();
  }
  Array operator()(const Array& x) {
    const Array y = tanh(matmul(x, w) + b);
    mean.set(mean.get() * 0.9 + stop_gradient(nnx::mean(y, {0})) * 0.1);
    count.set(count.get() + 1);
    const Array mask = random::bernoulli((*noise)(), keep.array(), y.shape());
    return select(mask, y, y * 0.5);
  }
  static void fields(auto& self, auto&& f) {
    f("w", self.w);
    f("b", self.b);
    f("mean", self.mean);
    f("count", self.count);
    f("keep", self.keep);
    f("noise", self.noise);
  }
};

inline std::vector<float> floats(const Array& x) { return x.to_vector<float>(); }

inline void check_near(const Array& got, const Array& expected, double tolerance = 1e-5) {
  REQUIRE(got.type() == expected.type());
  if (got.dtype() != DType::f32) {
    if (got.dtype() == DType::i32) CHECK(got.to_vector<int32_t>() == expected.to_vector<int32_t>());
    if (got.dtype() == DType::u32) CHECK(got.to_vector<uint32_t>() == expected.to_vector<uint32_t>());
    return;
  }
  const std::vector<float> a = floats(got), b = floats(expected);
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(tolerance));
}

inline void check_near(const State& got, const State& expected, double tolerance = 1e-5) {
  REQUIRE(got.paths() == expected.paths());
  for (const auto& [path, leaf] : got) {
    CAPTURE(to_string(path));
    check_near(leaf.value, expected.at(path).value, tolerance);
  }
}

// Module `index` of modules stacked along a leading axis, and the way back.
template <class T>
Ref<T> lane(const Ref<T>& stacked, int64_t index) {
  auto [def, all] = split(stacked);
  return merge<T>(def, all.map([&](const Path&, const Array& x) { return index_axis(x, 0, index); }));
}
template <class T>
State stacked_state(const std::vector<Ref<T>>& modules) {
  State out = state(modules.at(0));
  for (auto& [path, leaf] : out) {
    Arrays values;
    for (const Ref<T>& m : modules) values.push_back(state(m).at(path).value);
    leaf.value = stack(values);
  }
  return out;
}
template <class T>
Ref<T> stacked(const std::vector<Ref<T>>& modules) {
  return merge<T>(graphdef(modules.at(0)), stacked_state(modules));
}

}  // namespace nnx::test
