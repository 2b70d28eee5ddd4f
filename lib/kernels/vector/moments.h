// The update of parameters by two moments (adam, adamw) in one loop over its three chains:
//
//   m' = a m + b g          v' = g^2 c + d v          p' = (m' s / (sqrt(v' t) + e) [+ w p]) r + p
//
// with m, v, p, g arrays and the rest scalars. One block at a time is loaded whole before anything of it is stored,
// scalars stay in registers, and m' and v' go on to p' there; chain by chain (vector/chain.h) it takes half as long
// again. The arithmetic is the same, bit for bit. kernels/loop_join.cpp says which loops are such an update.
#pragma once

#include "kernels/vector/chain.h"

namespace nnx::kernels {
namespace {

constexpr int moments_width = lanes == 16 ? 4 : 2;  // vectors of each array in flight

inline const float* floats(const void* operand) { return static_cast<const float*>(operand); }

template <bool decays> inline int64_t moments_blocks(const ChainCall* chains, int64_t n) {
  const ChainCall &first = chains[0], &second = chains[1], &update = chains[2];
  const float *m = first.start, *g = second.start, *v = floats(second.links[2].x), *p = floats(update.links[update.count - 1].x);
  const F a = load(floats(first.links[0].x)), b = load(first.links[1].y);
  const F c = load(floats(second.links[1].x)), d = load(second.links[2].y);
  const F t = load(floats(update.links[0].x)), e = load(floats(update.links[2].x)), s = load(update.links[3].y);
  const F w = decays ? load(update.links[4].y) : F{}, r = load(floats(update.links[update.count - 2].x));
  constexpr int64_t block = moments_width * lanes;
  int64_t i = 0;
  for (; i + block <= n; i += block) {
    Running<moments_width> first_moment, second_moment, parameter;
    each(first_moment, [&](F, int k) { return a * load(m + i + k * lanes) + b * load(g + i + k * lanes); });
    each(second_moment, [&](F, int k) {
      const F gradient = load(g + i + k * lanes);
      return gradient * gradient * c + d * load(v + i + k * lanes);
    });
    each(parameter, [&](F, int k) {
      const F old = load(p + i + k * lanes);
      F step = first_moment.v[k] * s / (sqrt(second_moment.v[k] * t) + e);
      if (decays) step = step + w * old;
      return step * r + old;
    });
    put(first_moment, first.out + i, lanes);
    put(second_moment, second.out + i, lanes);
    put(parameter, update.out + i, lanes);
  }
  return i;
}

inline void run_moments(const ChainCall* chains, int count, int64_t n) {
  const bool decays = chains[2].count == 7;
  run_chains_from(decays ? moments_blocks<true>(chains, n) : moments_blocks<false>(chains, n), chains, count, n);
}

}  // namespace
}  // namespace nnx::kernels
