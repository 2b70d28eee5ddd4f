#include "nn/lora.h"

#include "nn/last_axis.h"

namespace nnx {

LoRA::LoRA(int64_t in, int64_t rank, int64_t out, Rngs& rngs, Ref<Layer> base)
    : base_module(std::move(base)), in_features(in), out_features(out) {
  lora_a = LoRAParam(he_uniform()(rngs.params(), {in, rank}));
  lora_b = LoRAParam(zeros_init()(rngs.params(), {rank, out}));
}

Array LoRA::operator()(const Array& x) {
  expect_last_axis(*this, x, in_features);
  Array y = matmul(matmul(x, lora_a), lora_b);
  if (scale != 1) y = y * scale;
  return base_module ? y + base_module(x) : y;
}

Array LoRA::update() const {
  const Array product = matmul(cast(lora_a.get(), DType::f64), cast(lora_b.get(), DType::f64));
  return scale == 1 ? product : product * scale;
}

double lora_scale(const std::optional<double>& alpha, int64_t rank) { return alpha ? *alpha / static_cast<double>(rank) : 1; }

LoRALinear::LoRALinear(int64_t in, int64_t out, int64_t rank, Rngs& rngs, bool use_bias, const Initializer& kernel_init,
                       const Initializer& bias_init) {
  const Linear base(in, out, rngs, use_bias, kernel_init, bias_init);
  kernel = base.kernel;
  bias = base.bias;
  in_features = in;
  out_features = out;
  lora = make<LoRA>(in, rank, out, rngs);
}

LoRALinear::LoRALinear(const Ref<Linear>& linear, int64_t rank, Rngs& rngs) {
  kernel = linear->kernel;
  bias = linear->bias;
  in_features = linear->in_features;
  out_features = linear->out_features;
  lora = make<LoRA>(in_features, rank, out_features, rngs);
}

Array LoRALinear::operator()(const Array& x) {
  const Array y = Linear::operator()(x);
  return y + lora(x);
}

}  // namespace nnx
