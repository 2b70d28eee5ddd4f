// What the code compiled once per instruction set offers: a table of loops over short runs of elements, and row
// kernels.
//
// The three tables (vector_baseline.cpp, vector_avx2.cpp, vector_avx512.cpp) are built from the same sources with
// different compiler flags. Everything in them has internal linkage and they include no header with inline functions: a
// function compiled for AVX-512 must never be the copy the linker keeps for everybody. vector_table() picks one at run
// time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "array/dtype.h"

namespace nnx::kernels {

// One loop: out[i] = f(in[0][i * step[0]], ...) for i < n. A step is 1, or 0 for an operand that is the same for all i
// and of which vector_bytes are readable. `out` may be exactly one of the inputs. An element's value never depends on
// its place in the run.
struct VectorCall {
  void* out = nullptr;
  const void* in[4] = {};
  int64_t step[4] = {};
  int64_t n = 0;
  uint64_t index = 0, index_step = 0;  // iota and random_bits: element i has index + i * index_step
  double value = 0;                    // fill
  int64_t rows = 1;                    // flush_sum, copy_rows, row_sums, column_sums
  int64_t row_step = 0;                // copy_rows: from one row to the next, in elements
};
using VectorFn = void (*)(const VectorCall&);

// `arg` is the type of the last argument (of the result when there is none).
struct VectorEntry {
  const char* op;
  DType arg;
  DType result;
  VectorFn fn;
};

constexpr int vector_bytes = 64;  // readable behind an operand of step 0, in every table

// A chain of f32 ops on a running value a (vector/chain.h): a + x, a - x, x - a, ..., a + x y, a - x y,
// x y - a, (x y) / a, (x / y) / a; or, by a mask x, a where it is true and y elsewhere, or the other way round.
enum class ChainOp : uint8_t {
  add,
  sub,
  reverse_sub,
  mul,
  div,
  reverse_div,
  maximum,
  minimum,
  negative,
  abs,
  sqrt,
  rsqrt,
  square,
  add_product,
  sub_product,
  reverse_sub_product,
  reverse_div_product,
  reverse_div_quotient,
  select_first,
  select_second,
};
struct ChainLink {  // without initial values: arrays of them are made for every tile
  ChainOp op;
  const void* x;  // f32; the mask of a select: bool
  const float* y;
  int64_t x_step, y_step;
};
struct ChainCall {
  float* out;
  const float* start;
  int64_t start_step;
  const ChainLink* links;
  int count;
};
// Several chains over the same n elements, block by block: while one divides, the next can already load. A later chain
// may start from or use what an earlier one put out.
using ChainsFn = void (*)(const ChainCall* chains, int count, int64_t n);

constexpr int64_t longest_short_row = 32;  // rows up to this long are worked on side by side, one a lane

// Kernels of rows of c contiguous f32; `rows` of them. Statistics are accumulated so that the error does not grow with
// c.
struct RowKernels {
  void (*softmax)(const float* x, float* y, int64_t rows, int64_t c);
  void (*log_softmax)(const float* x, float* y, int64_t rows, int64_t c);
  // labels outside [0, c) select nothing: their loss is the logsumexp alone.
  void (*cross_entropy)(const float* x, const int32_t* labels, float* loss, int64_t rows, int64_t c);
  void (*cross_entropy_grad)(const float* x, const int32_t* labels, const float* ct, float* dx, int64_t rows,
                             int64_t c);
  // The first of the best of each row, or its first NaN; c at most longest_short_row.
  void (*argmax)(const float* x, int32_t* at, int64_t rows, int64_t c);
  void (*argmin)(const float* x, int32_t* at, int64_t rows, int64_t c);
  // scale and bias may be null.
  void (*layer_norm)(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t rows,
                     int64_t c);
  // Adds to dscale and dbias (doubles, c of them; may be null).
  void (*layer_norm_grad)(const float* x, const float* scale, const float* ct, float epsilon, float* dx, double* dscale,
                          double* dbias, int64_t rows, int64_t c);
};

// out[m, n] (row stride ldc) = lhs * rhs + bias; lhs element (i, k) at i * lhs_row + k * lhs_col; rhs rows are
// contiguous, ldb apart. bias may be null. For matrices too small for a library call.
using SmallMatmulFn = void (*)(const float* lhs, int64_t lhs_row, int64_t lhs_col, const float* rhs, int64_t ldb,
                               const float* bias, float* out, int64_t ldc, int64_t m, int64_t n, int64_t k);

// to[j * ldb + i] = from[i * lda + j] for i < rows, j < cols.
using TransposeFn = void (*)(const float* from, int64_t lda, float* to, int64_t ldb, int64_t rows, int64_t cols);

struct VectorTable {
  const char* isa;
  const VectorEntry* entries;
  size_t count;
  RowKernels rows;
  SmallMatmulFn small_matmul;
  TransposeFn transpose;
  ChainsFn chains;
  ChainsFn moments;  // of the three chains of vector/moments.h
};

const VectorTable& vector_table_baseline();
const VectorTable& vector_table_avx2();
const VectorTable& vector_table_avx512();

// The best table for this processor; NNX_ISA=baseline|avx2|avx512 lowers it. Chosen once.
const VectorTable& vector_table();

}  // namespace nnx::kernels
