// Activations as layers. In C++ call the functions of ops/neural.h; in a config, and in a Sequential, an activation is an
// Activation with the function's name, because GraphDefs are compared and written to files.
#pragma once

#include "nn/layer.h"

namespace nnx {

struct ActivationEntry {
  std::string_view name, help;
  Array (*apply)(const Array& x, double parameter);
  std::string_view parameter = {};   // what the parameter is called; empty when there is none
  double initial = 0;
};
std::span<const ActivationEntry> activation_entries();

class Activation : public Module<Activation, Layer> {
 public:
  Activation() = default;
  explicit Activation(std::string function);                       // with the default parameter
  Activation(std::string function, double parameter);              // throws ErrorKind::structure for an unknown name
  Array operator()(const Array& x) override;
  static void fields(auto& self, auto&& f) {
    f("function", self.function);
    f("parameter", self.parameter);
  }

  std::string function = "identity";
  double parameter = 0;
};

// max(x, 0) + slope * min(x, 0) with a learned slope (He et al. 2015).
class PReLU : public Module<PReLU, Layer> {
 public:
  PReLU() = default;
  PReLU(double negative_slope_init, Rngs& rngs);
  Array operator()(const Array& x) override;
  static void fields(auto& self, auto&& f) { f("negative_slope", self.negative_slope); }

  Param negative_slope;   // []
};

// Adds every activation to the list.
void add_activations(Layers& layers);

}  // namespace nnx
