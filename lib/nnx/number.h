// A Number is a numeric hyperparameter of a Module: a rate, a decay, a learning rate. It is static to look at (part of the
// GraphDef, not of the State) but an input of compiled plans: changing it never recompiles anything.
//
//   struct Dropout : Module<Dropout, Layer> { Number rate = 0.5; ... bernoulli(key, 1 - rate.array(), shape) ... };
#pragma once

#include "graph/array.h"

namespace nnx {

class Number {
 public:
  Number() = default;
  Number(double value) : value_(value) {}
  double value() const { return value_; }
  void set(double value) { value_ = value; }
  Array array() const;                  // f32 scalar: under jit an input, otherwise the value
  operator Array() const { return array(); }

 private:
  friend struct NumberAccess;           // lifted transforms put a traced scalar in its place
  double value_ = 0;
  Array traced_;
};

}  // namespace nnx
