// The MLP of the NNX Basics guide, made of the library's layers in the guide's order.
#pragma once

#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "nnx/nnx.h"
#include "ops/ops.h"

namespace nnx::test {

struct MLP : Module<MLP, Layer> {
  Ref<Linear> linear1, linear2;
  Ref<Dropout> dropout;
  Ref<BatchNorm> bn;
  MLP() = default;
  MLP(int64_t din, int64_t dmid, int64_t dout, Rngs& rngs) {
    linear1 = make<Linear>(din, dmid, rngs);
    dropout = make<Dropout>(0.1, rngs);
    bn = make<BatchNorm>(dmid, rngs);
    linear2 = make<Linear>(dmid, dout, rngs);
  }
  Array operator()(const Array& x) override { return linear2(gelu(dropout(bn(linear1(x))))); }
  static void fields(auto& self, auto&& f) {
    f("linear1", self.linear1);
    f("dropout", self.dropout);
    f("bn", self.bn);
    f("linear2", self.linear2);
  }
};

}  // namespace nnx::test
