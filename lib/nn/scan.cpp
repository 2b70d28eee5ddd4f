#include "nn/scan.h"

namespace nnx {

Array Scan::operator()(const Array& x) {
  const auto forward = scan([](Array carry, Ref<Layer> one) { return one(carry); }, {.length = length, .unroll = unroll});
  return forward(x, layer);
}

Ref<Layer> make_stack(const std::function<Ref<Layer>(Rngs&)>& create, int64_t length, Rngs& rngs) {
  const auto stacked = vmap([&](Ref<Rngs> streams) { return create(*streams); }, {.axis_size = length});
  return stacked(make<Rngs>(rngs));   // a copy shares the streams
}

}  // namespace nnx
