// A gradient transformation turns gradients into updates: the parts that optimizers are chained of. It is a Module, so
// that its state (kind OptState) is split, displayed and checkpointed like everything else, and its hyperparameters are
// Numbers: inputs of a compiled step, never constants of it.
//
//   struct Halve : Module<Halve, optim::Transformation> {
//     State update(const State& updates, const State&) override {
//       return updates.map([](const Path&, const Array& u) { return u * 0.5; });
//     }
//     static void fields(auto&, auto&&) {}
//   };
//
// `updates` and `params` have one set of paths, those given to init; formulas are Optax's.
#pragma once

#include "nnx/nnx.h"

namespace nnx::optim {

class Transformation : public ModuleBase {
 public:
  // Makes the state for these parameters; a transformation without state needs none.
  virtual void init(const State& params) { (void)params; }
  // The next updates, which are added to the parameters in the end; changes the state.
  virtual State update(const State& updates, const State& params) = 0;
};

// `scalar` in the dtype of `x`: hyperparameters are f32 and parameters may be f64.
inline Array scalar_like(const Array& scalar, const Array& x) {
  return scalar.dtype() == x.dtype() ? scalar : cast(scalar, x.dtype());
}

}  // namespace nnx::optim
