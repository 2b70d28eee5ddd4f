// The reference kernel of the random generator; random_bits and the samplers are made of it.
#include "base/threefry.h"
#include "reference/loops.h"

namespace nnx::reference {
namespace {

void threefry2x32(const Call& call) {
  auto word = [&](size_t k, int64_t i) { return input<uint32_t>(call, k)[i]; };
  for (int64_t i = 0; i < call.out_types[0].size(); ++i) {
    const RandomKey words = nnx::threefry2x32({word(0, i), word(1, i)}, word(2, i), word(3, i));
    output<uint32_t>(call, 0)[i] = words.hi;
    output<uint32_t>(call, 1)[i] = words.lo;
  }
}

}  // namespace

std::span<const Entry> random_kernels() {
  static constexpr Entry entries[] = {{"threefry2x32", threefry2x32}};
  return entries;
}

}  // namespace nnx::reference
