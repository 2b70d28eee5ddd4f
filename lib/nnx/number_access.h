// How lifted transforms put a traced scalar in the place of a Number.
#pragma once

#include "nnx/number.h"

namespace nnx {
struct NumberAccess {
  static Array& traced(Number& number) { return number.traced_; }
};
}
