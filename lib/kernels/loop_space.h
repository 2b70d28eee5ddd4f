// The iteration space of a loop: its dimensions merged and ordered, cut into outer dimensions and a block, and how each
// operand walks it. Private to kernels/.
#pragma once

#include "kernels/loop_program.h"

namespace nnx::kernels {

constexpr int64_t longest_tile = 2048;

struct Strided {  // every stride list of a loop, so that merging treats them alike
  std::vector<int64_t> dims;
  std::vector<std::vector<int64_t>> strides;  // inputs, outputs, index strides of the steps
};

Strided collect(const FusedLoop& loop);

// Dimensions that every operand walks as one become one; those of size 1 go.
void merge_dimensions(Strided& s);

// Outer dimensions that a reduction sums over come last, so that one block of sums is finished before the next begins.
void order_outer_dimensions(Strided& s, size_t inputs, const std::vector<LoopOutput>& outputs);

LoopSpace make_space(const Strided& s);
Walk make_walk(const LoopSpace& space, const std::vector<int64_t>& strides);
Level level_of(const Walk& walk);

}  // namespace nnx::kernels
