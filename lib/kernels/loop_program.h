// A FusedLoop made ready to run: operands classified, registers placed, tiles and threads chosen. Private to kernels/.
//
// The space is a list of outer dimensions around one block; the block is the last dimension, or, where that is short or
// every operand simply repeats with it, the whole space in row-major order. A tile is a run of the block at one outer
// index. A register has a level: it is computed once a run (the operands are scalars), once an outer index, or for each
// tile; the first two are single vectors that a loop reads with step 0.
#pragma once

#include <vector>

#include "kernels/fused_loop.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {

enum class Level : uint8_t { run, outer, tile };

struct LoopSpace {
  std::vector<int64_t> outer;  // sizes, outermost first
  std::vector<int64_t> block;  // sizes of the dimensions the block runs over
  int64_t block_size = 1;
};

// How an operand walks the space, in elements.
struct Walk {
  std::vector<int64_t> outer, block;  // strides
  bool linear = false;                // consecutive over the block
  bool constant = false;              // does not move over the block
  bool moves = false;                 // from one outer index to the next
  int64_t period = 0;                 // not 0: walks the last elements of the block, as many, again and again
  // Not 0: the same row of this length several times before the next; the sizes and strides of the block with such a
  // group of rows as one dimension.
  int64_t row = 0;
  std::vector<int64_t> groups = {}, group_strides = {};
};

struct ProgramRegister {
  DType dtype = DType::f32;
  Level level = Level::tile;
  int64_t size = 4;    // bytes an element
  int64_t place = -1;  // bytes into the thread's tile memory; -1 when it is read where it lies
};

struct ProgramInput {
  int reg = 0;
  Walk walk;
  bool key = false;   // handed to random_bits as a pointer
  int last_use = -1;  // index of the last step that reads it
};

struct ProgramStep {
  std::string op;
  VectorFn fn = nullptr;
  Level level = Level::tile;
  int out = 0;
  std::vector<int> args;       // registers; of a chain: its start, then the operands of its links in order
  std::vector<ChainOp> chain;  // not empty: fn is not used
  double value = 0;
  bool indexed = false;  // iota, random_bits
  int64_t index_offset = 0;
  Walk index;
  int direct_output = -1;  // may be computed right into this output
};

struct ProgramOutput {
  int reg = 0;
  DType dtype = DType::f32;
  Walk walk;
  Reduce reduce = Reduce::none;
  VectorFn copy = nullptr;  // no reduction: from the register to a linear output
  // Reductions: cells are kept dense in scratch, sums of f32 as double.
  VectorFn tile_fn = nullptr;  // a run to one value
  VectorFn combine = nullptr;  // cell by cell
  VectorFn flush = nullptr;    // for sums of f32: a block of float sums into the cells
  bool as_double = false;
  double identity = 0;
  Walk cell;                                // of the dense cells
  std::vector<int64_t> kept, kept_strides;  // sizes of the cells' dimensions, and the output's strides there
  int64_t cells = 1;
  int cell_bytes = 4;
  bool partial = false;       // each thread has cells of its own, combined at the end in order of threads
  int64_t cells_at = 0;       // bytes into scratch
  int64_t block_sums_at = 0;  // bytes into the thread's memory: a tile of float sums
};

struct LoopProgram {
  LoopSpace space;
  std::vector<ProgramRegister> registers;
  std::vector<ProgramInput> inputs;
  std::vector<ProgramStep> steps;  // by level
  size_t first_outer_step = 0, first_tile_step = 0;
  std::vector<ProgramOutput> outputs;
  int64_t tile = 1024;
  int64_t period = 0;            // not 0: tiles start at multiples of it, and operands with a period are laid out once
  bool tiles_outermost = false;  // all outer indices of one tile before the next: column sums stay in L1
  bool reduces = false;
  bool outer_steps = false;   // something has Level::outer
  bool lays_out = false;      // an operand repeats within the block, and is another one for each outer index
  ChainsFn chains = nullptr;  // runs chains that follow each other
  int threads = 1;
  int split = -1;           // the outer dimension that threads share out; -1 the block
  int64_t split_unit = 1;   // in elements of the block
  size_t shared_bytes = 0;  // scratch: cells, then one piece a thread
  size_t thread_bytes = 0;
  size_t pointers_at = 0;  // within the thread's piece: one pointer a register, then one offset an operand
  size_t offsets_at = 0;
  size_t direct_at = 0;  // one byte a step
  std::string name;
  double flops = 0, bytes = 0;
};

constexpr size_t max_chain = 24;  // links of a chain
constexpr size_t max_chains = 8;  // chains that run together, block by block
int operands_of(ChainOp op);      // further operands of a link

// Makes chains and compare-selects of steps whose results nobody else reads (readers: how many read each register).
void join_steps(LoopProgram& program, const std::vector<int>& readers);

// What runs the chains of the program, whose steps are in their final order.
ChainsFn choose_chains(LoopProgram& program);

// Threads, tiles and memory (loop_place.cpp).
void choose_split(LoopProgram& program, int threads);
void place_registers(LoopProgram& program);

LoopProgram make_loop_program(const FusedLoop& loop, int threads);
void run_loop(const LoopProgram& program, void* const* args);

// The entry of the vector table, or null.
VectorFn find_vector(std::string_view op, DType arg, DType result);

}  // namespace nnx::kernels
