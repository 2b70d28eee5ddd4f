// Low-rank adaptation (Hu et al. 2021) as Flax has it: y = x A B, plus a base layer. Flax has no scaling factor; with `alpha`
// the update is multiplied by alpha / rank, as in the paper and in PEFT.
#pragma once

#include "nn/linear.h"

namespace nnx {

struct LoRAOptions {
  int64_t in_features = 0, lora_rank = 0, out_features = 0;
  std::optional<double> alpha;
  static void fields(auto& self, auto&& f) {
    f("in_features", self.in_features, Field{.help = "size of the last axis of the input"}.at_least(1).must());
    f("lora_rank", self.lora_rank, Field{.help = "rank of the update"}.at_least(1).must());
    f("out_features", self.out_features, Field{.help = "size of the last axis of the output"}.at_least(1).must());
    f("alpha", self.alpha, Field{.help = alpha_help});
  }
  static constexpr const char* alpha_help = "the update is multiplied by alpha / lora_rank; null: by 1, as in Flax";
};

// A starts he_uniform, B zero: a new adapter changes nothing.
class LoRA : public Module<LoRA, Layer> {
 public:
  LoRA() = default;
  LoRA(int64_t in_features, int64_t lora_rank, int64_t out_features, Rngs& rngs, Ref<Layer> base_module = {});
  Array operator()(const Array& x) override;   // x [..., in_features] -> [..., out_features]
  static void fields(auto& self, auto&& f) {
    f("lora_a", self.lora_a);
    f("lora_b", self.lora_b);
    f("base_module", self.base_module);
    f("in_features", self.in_features);
    f("out_features", self.out_features);
    f("scale", self.scale);
  }
  Array update() const;        // scale A B, [in_features, out_features]: f64, for those who round it once

  LoRAParam lora_a, lora_b;    // [in_features, rank], [rank, out_features]
  Ref<Layer> base_module;      // or empty
  int64_t in_features = 0, out_features = 0;
  double scale = 1;            // of the update
};

struct LoRALinearOptions : LinearOptions {
  int64_t lora_rank = 0;
  std::optional<double> alpha;
  static void fields(auto& self, auto&& f) {
    LinearOptions::fields(self, f);
    f("lora_rank", self.lora_rank, Field{.help = "rank of the update"}.at_least(1).must());
    f("alpha", self.alpha, Field{.help = LoRAOptions::alpha_help});
  }
};

// alpha / rank, or 1.
double lora_scale(const std::optional<double>& alpha, int64_t rank);

// A Linear with a LoRA beside it; its kernel and bias have a Linear's paths.
class LoRALinear : public Module<LoRALinear, Linear> {
 public:
  LoRALinear() = default;
  LoRALinear(int64_t in_features, int64_t out_features, int64_t lora_rank, Rngs& rngs, bool use_bias = true,
             const Initializer& kernel_init = lecun_normal(), const Initializer& bias_init = zeros_init());
  // Adopts the kernel and bias of an existing Linear: they stay the same Variables.
  LoRALinear(const Ref<Linear>& linear, int64_t lora_rank, Rngs& rngs);
  Array operator()(const Array& x) override;
  static void fields(auto& self, auto&& f) {
    Linear::fields(self, f);
    f("lora", self.lora);
  }

  Ref<LoRA> lora;
};

}  // namespace nnx
