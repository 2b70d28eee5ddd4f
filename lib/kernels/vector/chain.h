// A chain of cheap f32 ops whose running values stay in registers: out = op_n(... op_1(start)), each op with up to two
// further operands. Without it every op of a fused loop would load and store its tile, and an optimizer update, a dozen
// adds, multiplies and divisions, would be bound by that.
#pragma once

#include <utility>

#include "kernels/vector/math.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {
namespace {

constexpr int chain_width = lanes == 16 ? 8 : 4;  // vectors in flight; baseline and AVX2 have 16 registers

// The running values. Only constant indices: an array indexed in a loop would live in memory.
template <int width> struct Running { F v[width]; };
template <int width, class Op> inline void each(Running<width>& acc, Op op) {
  [&]<int... w>(std::integer_sequence<int, w...>) { ((acc.v[w] = op(acc.v[w], w)), ...); }
  (std::make_integer_sequence<int, width>{});
}

// An operand's vector number w: consecutive, or one for all. With width 1 there may be fewer than `lanes` elements.
template <int width> inline F operand(const float* p, int64_t step, int w, int64_t n) {
  if (width == 1) return step == 0 ? load(p) : load_upto(p, n);
  return load(p + w * lanes * step);
}

template <int width, class Op>
inline void with_operand(Running<width>& acc, const float* p, int64_t step, int64_t n, Op op) {
  if (step == 0) {
    const F x = load(p);
    each(acc, [&](F a, int) { return op(a, x); });
  } else {
    each(acc, [&](F a, int w) { return op(a, operand<width>(p, 1, w, n)); });
  }
}
template <int width, class Op>
inline void with_product(Running<width>& acc, const ChainLink& link, const float* x, const float* y, int64_t n, Op op) {
  each(acc,
       [&](F a, int w) { return op(a, operand<width>(x, link.x_step, w, n) * operand<width>(y, link.y_step, w, n)); });
}
template <int width>
inline void divide_quotient(Running<width>& acc, const ChainLink& link, const float* x, const float* y, int64_t n) {
  each(acc,
       [&](F a, int w) { return operand<width>(x, link.x_step, w, n) / operand<width>(y, link.y_step, w, n) / a; });
}
template <int width, class Op> inline void with_none(Running<width>& acc, Op op) {
  each(acc, [&](F a, int) { return op(a); });
}

// By the mask: the running value where it is `keep`, y elsewhere.
template <int width>
inline void select_by_mask(Running<width>& acc, const ChainLink& link, const float* y, bool keep, int64_t i, int64_t n) {
  const auto* mask = static_cast<const uint8_t*>(link.x) + (i & -link.x_step);
  each(acc, [&](F a, int w) {
    const B m = width > 1 ? load(mask + w * lanes * link.x_step) : link.x_step == 0 ? load(mask) : load_upto(mask, n);
    const F other = operand<width>(y, link.y_step, w, n);
    return select((from_bytes(m) != 0) == (keep ? I{} - 1 : I{}), a, other);
  });
}

template <int width> inline void put(Running<width>& acc, float* out, int64_t n) {
  each(acc, [&](F a, int w) {
    if (width == 1) store_upto<float>(out, a, n);
    else store<float>(out + w * lanes, a);
    return a;
  });
}

// `width` vectors at element i; with width 1, the n <= lanes elements there.
template <int width> [[gnu::always_inline]] inline void chain_block(const ChainCall c, int64_t i, int64_t n) {
  Running<width> acc;
  each(acc, [&](F, int w) { return operand<width>(c.start + i * c.start_step, c.start_step, w, n); });
  for (int k = 0; k < c.count; ++k) {
    const ChainLink& link = c.links[k];
    const float* x = static_cast<const float*>(link.x) + (i & -link.x_step);
    const float* y = link.y + (i & -link.y_step);
    switch (link.op) {
      case ChainOp::add: with_operand(acc, x, link.x_step, n, [](F a, F b) { return a + b; }); break;
      case ChainOp::sub: with_operand(acc, x, link.x_step, n, [](F a, F b) { return a - b; }); break;
      case ChainOp::reverse_sub: with_operand(acc, x, link.x_step, n, [](F a, F b) { return b - a; }); break;
      case ChainOp::mul: with_operand(acc, x, link.x_step, n, [](F a, F b) { return a * b; }); break;
      case ChainOp::div: with_operand(acc, x, link.x_step, n, [](F a, F b) { return a / b; }); break;
      case ChainOp::reverse_div: with_operand(acc, x, link.x_step, n, [](F a, F b) { return b / a; }); break;
      case ChainOp::maximum: with_operand(acc, x, link.x_step, n, [](F a, F b) { return maximum(a, b); }); break;
      case ChainOp::minimum: with_operand(acc, x, link.x_step, n, [](F a, F b) { return minimum(a, b); }); break;
      case ChainOp::negative: with_none(acc, [](F a) { return -a; }); break;
      case ChainOp::abs: with_none(acc, [](F a) { return abs(a); }); break;
      case ChainOp::sqrt: with_none(acc, [](F a) { return sqrt(a); }); break;
      case ChainOp::rsqrt: with_none(acc, [](F a) { return 1.0f / sqrt(a); }); break;
      case ChainOp::square: with_none(acc, [](F a) { return a * a; }); break;
      case ChainOp::add_product: with_product(acc, link, x, y, n, [](F a, F b) { return a + b; }); break;
      case ChainOp::sub_product: with_product(acc, link, x, y, n, [](F a, F b) { return a - b; }); break;
      case ChainOp::reverse_sub_product: with_product(acc, link, x, y, n, [](F a, F b) { return b - a; }); break;
      case ChainOp::reverse_div_product: with_product(acc, link, x, y, n, [](F a, F b) { return b / a; }); break;
      case ChainOp::reverse_div_quotient: divide_quotient(acc, link, x, y, n); break;
      case ChainOp::select_first: select_by_mask(acc, link, y, true, i, n); break;
      case ChainOp::select_second: select_by_mask(acc, link, y, false, i, n); break;
    }
  }
  put(acc, c.out + i, n);
}

template <int width> inline void chains_block(const ChainCall* chains, int count, int64_t i, int64_t n) {
  for (int k = 0; k < count; ++k) chain_block<width>(chains[k], i, n);
}

inline void run_chains_from(int64_t i, const ChainCall* chains, int count, int64_t n) {
  for (; i + chain_width * lanes <= n; i += chain_width * lanes) chains_block<chain_width>(chains, count, i, lanes);
  for (; i + 2 * lanes <= n; i += 2 * lanes) chains_block<2>(chains, count, i, lanes);
  for (; i < n; i += lanes) chains_block<1>(chains, count, i, n - i < lanes ? n - i : lanes);
}

inline void run_chains(const ChainCall* chains, int count, int64_t n) { run_chains_from(0, chains, count, n); }

}  // namespace
}  // namespace nnx::kernels
