// Dropout: in training each element is kept with probability 1 - rate and divided by it, else 0 (Srivastava et al. 2014).
#pragma once

#include "nn/layer.h"

namespace nnx {

struct DropoutOptions {
  double rate = 0;
  static void fields(auto& self, auto&& f) {
    f("rate", self.rate, Field{.help = "probability that an element is set to zero"}.at_least(0).at_most(1).must());
  }
};

// Holds a stream of its own, forked from `rngs.dropout()`: a call in training draws one key from it.
class Dropout : public Module<Dropout, Layer> {
 public:
  Dropout() = default;
  Dropout(double rate, Rngs& rngs);
  explicit Dropout(double rate) : rate(rate) {}            // without a stream: deterministic calls only
  Array operator()(const Array& x) override { return (*this)(x, std::nullopt); }
  // `deterministic` and `rngs` override the attributes. Throws ErrorKind::structure when a key is needed and there is no
  // stream.
  Array operator()(const Array& x, std::optional<bool> deterministic, const Ref<RngStream>& rngs = {});
  CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) override;
  static void fields(auto& self, auto&& f) {
    f("rate", self.rate);
    f("deterministic", self.deterministic);
    f("rngs", self.rngs);
  }

  Number rate;
  bool deterministic = false;
  Ref<RngStream> rngs;
};

}  // namespace nnx
