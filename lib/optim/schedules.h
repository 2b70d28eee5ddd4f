// Schedules give a hyperparameter as a function of how many updates came before. Their parameters are Numbers, so a
// compiled step follows a changed schedule without being compiled again. Formulas: Optax's, flax-census 8.3.
//
//   auto rate = make<optim::WarmupCosine>(0.0, 1e-3, 500, 10000);
//   auto tx = optim::adam(rate);
#pragma once

#include "config/registry.h"
#include "nnx/nnx.h"

namespace nnx::optim {

class Schedule : public ModuleBase {
 public:
  // count: an integer scalar, from 0 -> f32 scalar.
  virtual Array operator()(const Array& count) = 0;
  virtual bool constant() const { return false; }  // needs no count
};

class Constant : public Module<Constant, Schedule> {
 public:
  static constexpr std::string_view type_name = "optim.Constant";
  Constant() = default;
  explicit Constant(double value) : value(value) {}
  Array operator()(const Array&) override { return value; }
  bool constant() const override { return true; }
  static void fields(auto& self, auto&& f) { f("value", self.value); }

  Number value;
};

// init ((1 - alpha) (1/2 (1 + cos(pi c / decay_steps)))^exponent + alpha), constant from decay_steps on.
class Cosine : public Module<Cosine, Schedule> {
 public:
  static constexpr std::string_view type_name = "optim.Cosine";
  Cosine() = default;
  Cosine(double init_value, double decay_steps, double alpha = 0, double exponent = 1)
      : init_value(init_value), decay_steps(decay_steps), alpha(alpha), exponent(exponent) {}
  Array operator()(const Array& count) override;
  static void fields(auto& self, auto&& f) {
    f("init_value", self.init_value);
    f("decay_steps", self.decay_steps);
    f("alpha", self.alpha);
    f("exponent", self.exponent);
  }

  Number init_value, decay_steps = 1, alpha, exponent = 1;
};

// A line from init_value to peak_value over warmup_steps, then a cosine to end_value; decay_steps counts both.
class WarmupCosine : public Module<WarmupCosine, Schedule> {
 public:
  static constexpr std::string_view type_name = "optim.WarmupCosine";
  WarmupCosine() = default;
  // Throws ErrorKind::usage unless warmup_steps < decay_steps.
  WarmupCosine(double init_value, double peak_value, double warmup_steps, double decay_steps, double end_value = 0,
               double exponent = 1);
  Array operator()(const Array& count) override;
  static void fields(auto& self, auto&& f) {
    f("init_value", self.init_value);
    f("peak_value", self.peak_value);
    f("warmup_steps", self.warmup_steps);
    f("decay_steps", self.decay_steps);
    f("end_value", self.end_value);
    f("exponent", self.exponent);
  }

  Number init_value, peak_value, warmup_steps, decay_steps = 1, end_value, exponent = 1;
};

// The explicit list: builtin.cpp. `total_steps` is how long the run is, for schedules that are to span it; 0 if
// unknown.
using Schedules = Registry<Ref<Schedule>(int64_t total_steps)>;
const Schedules& schedules();

}  // namespace nnx::optim
