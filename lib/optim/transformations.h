// The transformations that optimizers are made of; formulas in flax-census 8.1 and 8.2, as in Optax.
//
//   auto tx = make<optim::Chain>(optim::Chain::Parts{{"clip", make<optim::ClipByGlobalNorm>(1.0)},
//                                                    {"adam", make<optim::ScaleByAdam>()},
//                                                    {"learning_rate", make<optim::ScaleByLearningRate>(1e-3)}});
//
// State lies under the names of a chain's parts: `adam.mu.linear1.kernel`, `adam.count`.
#pragma once

#include "optim/moments.h"
#include "optim/named_parts.h"
#include "optim/schedules.h"
#include "optim/stored_filter.h"
#include "optim/transformation.h"

namespace nnx::optim {

// One transformation after the other, each with a name of its own.
class Chain : public Module<Chain, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.Chain";
  using Parts = NamedParts::List;
  Chain() = default;
  // Throws ErrorKind::structure for a name that is empty, taken, or not made of letters, digits and `_`.
  explicit Chain(const Parts& named) : parts_("Chain", named) {}
  void init(const State& params) override;
  State update(const State& updates, const State& params) override;
  static void fields(auto& self, auto&& f) { self.parts_.visit(f); }
  const std::vector<Ref<Transformation>>& parts() const { return parts_.parts(); }

 private:
  NamedParts parts_;
};

// Optax's trace: t <- g + decay t; the update is t, or with nesterov g + decay t.
class Momentum : public Module<Momentum, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.Momentum";
  Momentum() = default;
  explicit Momentum(double decay, bool nesterov = false) : decay(decay), nesterov(nesterov) {}
  void init(const State& params) override { trace = make<Moments>(params); }
  State update(const State& updates, const State& params) override;
  static void fields(auto& self, auto&& f) {
    f("trace", self.trace);
    f("decay", self.decay);
    f("nesterov", self.nesterov);
  }

  Ref<Moments> trace;
  Number decay;
  bool nesterov = false;
};

// m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2; the update is m^ / (sqrt(v^) + eps) with x^ = x / (1 - b^count).
class ScaleByAdam : public Module<ScaleByAdam, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.ScaleByAdam";
  explicit ScaleByAdam(double b1 = 0.9, double b2 = 0.999, double eps = 1e-8) : b1(b1), b2(b2), eps(eps) {}
  void init(const State& params) override;
  State update(const State& updates, const State& params) override;
  static void fields(auto& self, auto&& f) {
    f("count", self.count);
    f("mu", self.mu);
    f("nu", self.nu);
    f("b1", self.b1);
    f("b2", self.b2);
    f("eps", self.eps);
  }

  OptState count;  // i32: updates so far
  Ref<Moments> mu, nu;
  Number b1, b2, eps;
};

// u + weight_decay p, for the parameters that the mask matches.
class AddDecayedWeights : public Module<AddDecayedWeights, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.AddDecayedWeights";
  explicit AddDecayedWeights(double weight_decay = 0, const Filter& mask = rest)
      : weight_decay(weight_decay), mask(mask) {}
  void init(const State& params) override;  // throws ErrorKind::structure for a mask that matches no parameter
  State update(const State& updates, const State& params) override;
  static void fields(auto& self, auto&& f) {
    f("weight_decay", self.weight_decay);
    f("mask", self.mask.text);
  }

  Number weight_decay;
  StoredFilter mask;
};

// Unchanged while the norm of all updates together is below max_norm, else scaled to it.
class ClipByGlobalNorm : public Module<ClipByGlobalNorm, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.ClipByGlobalNorm";
  explicit ClipByGlobalNorm(double max_norm = 1) : max_norm(max_norm) {}
  State update(const State& updates, const State& params) override;
  static void fields(auto& self, auto&& f) { f("max_norm", self.max_norm); }

  Number max_norm;
};

// factor u
class Scale : public Module<Scale, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.Scale";
  explicit Scale(double factor = 1) : factor(factor) {}
  State update(const State& updates, const State& params) override;
  static void fields(auto& self, auto&& f) { f("factor", self.factor); }

  Number factor;
};

// What stands for a learning rate: a number, or a schedule.
struct LearningRate {
  Ref<Schedule> schedule;
  LearningRate(double value) : schedule(make<Constant>(value)) {}
  template <std::derived_from<Schedule> S> LearningRate(const Ref<S>& s) : schedule(s) {}
};

// -rate(count) u: the step down the gradient.
class ScaleByLearningRate : public Module<ScaleByLearningRate, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.ScaleByLearningRate";
  ScaleByLearningRate() = default;
  explicit ScaleByLearningRate(const LearningRate& rate) : schedule(rate.schedule) {}
  void init(const State& params) override;
  State update(const State& updates, const State& params) override;
  Array rate() const;  // f32 scalar: the rate of the next update
  static void fields(auto& self, auto&& f) {
    f("count", self.count);
    f("schedule", self.schedule);
  }

  OptState count;  // i32: updates so far; empty for a constant rate
  Ref<Schedule> schedule;
};

// sqrt of the sum of the squares of all elements: f32 scalar.
Array global_norm(const State& state);

}  // namespace nnx::optim
