// A chain of cheap f32 ops whose running values stay in registers: out = op_n(... op_1(start)), each op with up to two
// further operands. Without it every op of a fused loop would load and store its tile, and an optimizer update, a dozen
// adds, multiplies and divisions, would be bound by that.
#pragma once

#include "kernels/vector/math.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {
namespace {

constexpr int chain_width = lanes == 16 ? 8 : 4;   // vectors in flight; baseline and AVX2 have 16 registers

// The vectors of one operand: consecutive, or one for all.
template <int width, class Op>
inline void with_operand(F (&acc)[width], const float* p, int64_t step, int64_t n, Op op) {
  if (step == 0) {
    const F x = load(p);
#pragma GCC unroll 8
    for (int w = 0; w < width; ++w) acc[w] = op(acc[w], x);
  } else if (width > 1 || n == lanes) {
#pragma GCC unroll 8
    for (int w = 0; w < width; ++w) acc[w] = op(acc[w], load(p + w * lanes));
  } else {
    acc[0] = op(acc[0], load_part(p, n));
  }
}
template <int width, class Op>
inline void with_product(F (&acc)[width], const float* p, int64_t p_step, const float* q, int64_t q_step, int64_t n, Op op) {
  F product[width];
#pragma GCC unroll 8
  for (int w = 0; w < width; ++w) product[w] = width == 1 && p_step != 0 ? load_upto(p, n) : load(p + w * lanes * p_step);
  with_operand(product, q, q_step, n, [](F a, F b) { return a * b; });
#pragma GCC unroll 8
  for (int w = 0; w < width; ++w) acc[w] = op(acc[w], product[w]);
}
template <int width, class Op>
inline void with_none(F (&acc)[width], Op op) {
#pragma GCC unroll 8
  for (int w = 0; w < width; ++w) acc[w] = op(acc[w]);
}

// `width` vectors at element i; with width 1, the n <= lanes elements there.
template <int width>
inline void chain_block(const ChainCall& c, int64_t i, int64_t n) {
  F acc[width];
  const float* start = c.start + i * c.start_step;
#pragma GCC unroll 8
  for (int w = 0; w < width; ++w) acc[w] = width == 1 ? load_upto(start, c.start_step == 0 ? lanes : n) : load(start + w * lanes * c.start_step);
  for (int k = 0; k < c.count; ++k) {
    const ChainLink& link = c.links[k];
    const float* x = link.x + i * link.x_step;
    const float* y = link.y + i * link.y_step;
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
      case ChainOp::add_product: with_product(acc, x, link.x_step, y, link.y_step, n, [](F a, F b) { return a + b; }); break;
      case ChainOp::sub_product: with_product(acc, x, link.x_step, y, link.y_step, n, [](F a, F b) { return a - b; }); break;
      case ChainOp::reverse_sub_product: with_product(acc, x, link.x_step, y, link.y_step, n, [](F a, F b) { return b - a; }); break;
    }
  }
#pragma GCC unroll 8
  for (int w = 0; w < width; ++w) {
    if (width == 1) store_upto<float>(c.out + i, acc[0], n);
    else store<float>(c.out + i + w * lanes, acc[w]);
  }
}

inline void run_chain(const ChainCall& c) {
  int64_t i = 0;
  for (; i + chain_width * lanes <= c.n; i += chain_width * lanes) chain_block<chain_width>(c, i, lanes);
  for (; i < c.n; i += lanes) chain_block<1>(c, i, c.n - i < lanes ? c.n - i : lanes);
}

}  // namespace
}  // namespace nnx::kernels
