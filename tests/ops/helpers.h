// What the tests of single ops share: gradients through the transforms.
#pragma once

#include <functional>
#include <limits>
#include <string>

#include "base/error.h"
#include "ops/ops.h"
#include "reference/reference.h"
#include "support/errors.h"
#include "transform/vjp.h"

namespace nnx::test {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

struct WithReference {
  WithReference() { reference::install_evaluator(); }
};

using Function = std::function<Array(std::span<const Array>)>;

// The gradients of sum(f(inputs)) for every input.
inline Arrays gradients(const Function& f, const Arrays& inputs) {
  std::vector<Type> types;
  std::vector<int> wrt;
  for (const Array& x : inputs) {
    types.push_back(x.type());
    wrt.push_back(static_cast<int>(wrt.size()));
  }
  const Traced traced = trace(types, [&](std::span<const Array> in) { return Arrays{sum(f(in))}; });
  const Arrays results = nnx::apply(value_and_grad(traced.graph, wrt), inputs);
  return {results.begin() + 1, results.end()};
}

inline Array gradient(const std::function<Array(const Array&)>& f, const Array& x) {
  return gradients([&](std::span<const Array> in) { return f(in[0]); }, {x})[0];
}

}  // namespace nnx::test
