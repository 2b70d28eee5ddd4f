// An Optimizer keeps a model's parameters, and the state of the transformation that updates them, together.
//
//   auto optimizer = make<Optimizer>(model, optim::adam(1e-3));        // shares the model's Variables
//   auto [loss, grads] = value_and_grad(loss_fn, optimizer->wrt())(model);
//   optimizer->update(grads);                                          // under jit: both are arguments
//
// - `wrt` chooses what is trained (floating Variables only); nothing else is read or written.
// - A tied Variable is one parameter, under its first path, with one moment.
// - Sharing: the model's Variables under `model`; state under `tx`: `tx.adam.mu.linear1.kernel`.
#pragma once

#include "optim/transformations.h"

namespace nnx {

class Optimizer : public Module<Optimizer> {
 public:
  Optimizer() = default;
  // Throws ErrorKind::structure when `wrt` matches nothing, or when `tx` already has state (of another Optimizer).
  Optimizer(Ref<ModuleBase> model, Ref<optim::Transformation> tx, const Filter& wrt = of<Param>);

  // Sets the parameters to p + updates in place and gives the updates. `grads` may have leaves that `wrt` does not
  // match; throws ErrorKind::structure for a parameter without gradient, or a gradient without parameter.
  State update(const State& grads);

  Filter wrt() const { return wrt_.get(); }
  State parameters() const;  // what is trained, by paths of the model
  // The rate of the next update (of the first group), f32 scalar; throws ErrorKind::structure when `tx` has no part that scales by one.
  Array learning_rate() const;
  void set_learning_rate(double value);  // of a constant one; compiled steps need not be compiled again

  static void fields(auto& self, auto&& f) {
    f("step", self.step);
    f("tx", self.tx);
    f("model", self.model);
    f("wrt", self.wrt_.text);
  }

  OptState step;  // u32: updates so far
  Ref<optim::Transformation> tx;
  Ref<ModuleBase> model;

 private:
  optim::ScaleByLearningRate& rate_part() const;
  optim::StoredFilter wrt_ = of<Param>;
};

}  // namespace nnx
