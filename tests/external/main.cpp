// A trainer with a layer and a kind of Variable of its own. Everything that nnx-train can do, my-train can do with them.
#include "nn/layer.h"
#include "nnx-train/command_line.h"

using nnx::Array;
using nnx::Field;

// A kind of Variable: what split, filters and checkpoints know it by.
struct Count : nnx::VariableOf<Count> {
  using VariableOf::VariableOf;
  static constexpr std::string_view name = "Count";
};

// What a config may say about the layer.
struct GateOptions {
  int64_t num_features = 0;
  double initial = 0;
  static void fields(auto& self, auto&& f) {
    f("num_features", self.num_features, Field{.help = "size of the last axis"}.at_least(1).must());
    f("initial", self.initial, Field{.help = "the gates before training; they open above 0"});
  }
};

// x [..., num_features] -> x sigmoid(gate), the same shape. It counts its calls.
struct Gate : nnx::Module<Gate, nnx::Layer> {
  nnx::Param gate;
  Count calls;
  Gate() = default;
  explicit Gate(const GateOptions& o)
      : gate(nnx::full({o.num_features}, o.initial)), calls(nnx::scalar<int32_t>(0)) {}
  Array operator()(const Array& x) override {
    calls.set(calls.get() + 1);
    return x * nnx::sigmoid(gate);
  }
  static void fields(auto& self, auto&& f) {
    f("gate", self.gate);
    f("calls", self.calls);
  }
};

int main(int argc, char** argv) {
  nnx::extend_layers().add<GateOptions>(
      "Gate", "x times a learned gate for each feature",
      [](const GateOptions& options, nnx::Rngs&) -> nnx::Ref<nnx::Layer> { return nnx::make<Gate>(options); });
  return nnx::run_command_line(argc, argv, "my-train");
}
