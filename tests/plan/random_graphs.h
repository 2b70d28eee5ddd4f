// Random Graphs over the public ops, for comparing a Plan with the reference evaluation: the same seed, the same Graph.
#pragma once

#include "base/threefry.h"
#include "graph/trace.h"

namespace nnx::test {

class Dice {
 public:
  explicit Dice(uint64_t seed) : seed_(seed) {}
  int64_t below(int64_t n) {
    return static_cast<int64_t>(random_bits(random_key(seed_), next_++) % static_cast<uint64_t>(n));
  }
  float uniform() { return static_cast<float>(random_bits(random_key(seed_), next_++) >> 8) * 0x1p-24f; }

 private:
  uint64_t seed_;
  uint64_t next_ = 0;
};

struct RandomGraph {
  Graph graph;
  Arrays inputs;
};

// `steps` random ops on four f32 inputs, a bool, and a key; some values become outputs.
RandomGraph random_graph(uint64_t seed, int steps);

// Values in [-1, 1).
Array random_array(Dice& dice, const Shape& shape);

// What a Plan computed, by value: runs `graph` under the options with its own copies of the inputs.
bool close(const Array& a, const Array& b, double tolerance);

}  // namespace nnx::test
