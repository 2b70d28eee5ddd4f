// Runs a LoopProgram: each thread walks its share of the space tile by tile.
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/loop_tiles.h"

namespace nnx::kernels {
namespace {

constexpr int64_t block_sum_rows = 64;  // rows of float sums before they go to double

// One thread's walk. All of its memory is a piece of the caller's scratch.
class LoopThread {
 public:
  LoopThread(const LoopProgram& p, void* const* args, std::byte* scratch, int thread)
      : p_(p),
        args_(args),
        shared_(scratch),
        memory_(scratch + p.shared_bytes + p.thread_bytes * static_cast<size_t>(thread)),
        pointers_(reinterpret_cast<void**>(memory_ + p.pointers_at)),
        thread_(thread) {
    int64_t* offsets = reinterpret_cast<int64_t*>(memory_ + p.offsets_at);
    const auto take = [&](size_t n) {
      int64_t* piece = offsets;
      offsets += n;
      std::fill_n(piece, n, 0);
      return piece;
    };
    input_at_ = take(p.inputs.size());
    output_at_ = take(p.outputs.size());
    cell_at_ = take(p.outputs.size());
    sum_cell_ = take(p.outputs.size());
    sum_rows_ = take(p.outputs.size());
    sum_length_ = take(p.outputs.size());
    index_at_ = take(p.steps.size());
    outputs_ = args + p.inputs.size();
    direct_ = memory_ + p.direct_at;
    for (size_t s = 0; s < p.steps.size(); ++s) direct_[s] = static_cast<std::byte>(direct(p.steps[s]));
    for (size_t r = 0; r < p.registers.size(); ++r) pointers_[r] = memory_ + std::max<int64_t>(0, p.registers[r].place);
  }

  void walk() {
    const LoopSpace& space = p_.space;
    outer_begin_ = 0;
    int64_t begin = 0, end = space.block_size;
    if (p_.split >= 0) {
      const int64_t size = space.outer[static_cast<size_t>(p_.split)];
      outer_begin_ = size * thread_ / p_.threads;
      outer_end_ = size * (thread_ + 1) / p_.threads;
      if (outer_begin_ == outer_end_) return;
    } else {
      const int64_t units = (space.block_size + p_.split_unit - 1) / p_.split_unit;
      begin = std::min(end, units * thread_ / p_.threads * p_.split_unit);
      end = std::min(end, units * (thread_ + 1) / p_.threads * p_.split_unit);
    }
    if (begin >= end || std::count(space.outer.begin(), space.outer.end(), 0) > 0) return;
    const int64_t tiles = (end - begin + p_.tile - 1) / p_.tile;
    // Even tiles of whole blocks of vectors, unless operands repeat with the tile.
    const int64_t tile =
        p_.period > 0 ? p_.tile : std::min(p_.tile, ((end - begin + tiles - 1) / tiles + 127) / 128 * 128);
    start();
    if (p_.tiles_outermost) {
      for (int64_t b = begin; b < end; b += tile) {
        for_each_outer([&] { do_tile(b, std::min(tile, end - b)); });
        for (size_t o = 0; o < p_.outputs.size(); ++o) flush_sums(o);
      }
    } else {
      for_each_outer([&] {
        for (int64_t b = begin; b < end; b += tile) do_tile(b, std::min(tile, end - b));
      });
      for (size_t o = 0; o < p_.outputs.size(); ++o) flush_sums(o);
    }
  }

 private:
  // Scalars, keys, and what is computed from them alone.
  void start() {
    for (const ProgramInput& in : p_.inputs) {
      const auto r = static_cast<size_t>(in.reg);
      if (in.key) pointers_[r] = args_[in.reg];
      else if (p_.registers[r].level == Level::run) broadcast_single(args_[in.reg], p_.registers[r].size, pointers_[r]);
    }
    run_steps(0, p_.first_outer_step, 0, 0);
    for (const ProgramInput& in : p_.inputs) {
      if (repeats(in) && !in.walk.moves) lay_out(in);
    }
  }

  void lay_out(const ProgramInput& in) {
    const void* base = at(args_[in.reg], input_at_[in.reg], p_.registers[static_cast<size_t>(in.reg)].size);
    gather(in, base, 0, std::min(p_.tile, p_.space.block_size));
  }

  // Laid out once, or once an outer index: every tile reads the same elements.
  bool repeats(const ProgramInput& in) const {
    return !in.key && in.walk.period > 0 && p_.period % in.walk.period == 0;
  }

  void gather(const ProgramInput& in, const void* base, int64_t begin, int64_t n) {
    const auto r = static_cast<size_t>(in.reg);
    with_element(p_.registers[r].size, [&](auto element) {
      gather_block<decltype(element)>(p_.space, in.walk, base, begin, n, pointers_[r]);
    });
  }

  template <class Body> void for_each_outer(Body body) {
    const std::vector<int64_t>& sizes = p_.space.outer;
    int64_t coordinate[Shape::max_rank] = {};
    const int rank = static_cast<int>(sizes.size());
    const auto first = [&](int d) { return d == p_.split ? outer_begin_ : 0; };
    const auto last = [&](int d) { return d == p_.split ? outer_end_ : sizes[static_cast<size_t>(d)]; };
    for (int d = 0; d < rank; ++d) move(static_cast<size_t>(d), coordinate[d] = first(d));
    while (true) {
      if (p_.outer_steps) {
        for (const ProgramInput& in : p_.inputs) {
          const auto r = static_cast<size_t>(in.reg);
          if (p_.registers[r].level == Level::outer && !in.key) {
            broadcast_single(at(args_[in.reg], input_at_[in.reg], p_.registers[r].size), p_.registers[r].size,
                             pointers_[r]);
          }
        }
        run_steps(p_.first_outer_step, p_.first_tile_step, 0, 0);
      }
      if (p_.lays_out) {
        for (const ProgramInput& in : p_.inputs) {
          if (repeats(in) && in.walk.moves) lay_out(in);
        }
      }
      body();
      int d = rank - 1;
      for (; d >= 0; --d) {
        if (++coordinate[d] < last(d)) {
          move(static_cast<size_t>(d), 1);
          break;
        }
        move(static_cast<size_t>(d), first(d) - (last(d) - 1));
        coordinate[d] = first(d);
      }
      if (d < 0) break;
    }
    for (int d = 0; d < rank; ++d) move(static_cast<size_t>(d), -first(d));
  }

  void move(size_t d, int64_t by) {  // all offsets by `by` along outer dimension d
    if (by == 0) return;
    for (size_t i = 0; i < p_.inputs.size(); ++i) input_at_[i] += by * p_.inputs[i].walk.outer[d];
    for (size_t o = 0; o < p_.outputs.size(); ++o) {
      output_at_[o] += by * p_.outputs[o].walk.outer[d];
      if (p_.outputs[o].reduce != Reduce::none) cell_at_[o] += by * p_.outputs[o].cell.outer[d];
    }
    for (size_t s = 0; s < p_.steps.size(); ++s) {
      if (p_.steps[s].indexed) index_at_[s] += by * p_.steps[s].index.outer[d];
    }
  }

  void do_tile(int64_t begin, int64_t n) {
    for (const ProgramInput& in : p_.inputs) {
      const auto r = static_cast<size_t>(in.reg);
      if (in.key || p_.registers[r].level != Level::tile || repeats(in)) continue;
      const int64_t size = p_.registers[r].size;
      void* base = at(args_[in.reg], input_at_[in.reg], size);
      if (in.walk.linear) pointers_[r] = at(base, begin, size);
      else gather(in, base, begin, n);
    }
    run_steps(p_.first_tile_step, p_.steps.size(), begin, n);
    // A reduction may read an input where it lies: it comes before the stores, one of which may overwrite that input.
    for (size_t o = 0; o < p_.outputs.size(); ++o) {
      if (p_.outputs[o].reduce != Reduce::none) reduce(o, begin, n);
    }
    for (size_t o = 0; o < p_.outputs.size(); ++o) {
      if (p_.outputs[o].reduce == Reduce::none) store(o, begin, n);
    }
  }

  // Steps [first, last), all of one level; those of Level::tile on n elements from `begin`.
  void run_steps(size_t first, size_t last, int64_t begin, int64_t n) {
    const bool of_tile = first >= p_.first_tile_step;
    for (size_t s = first; s < last; ++s) {
      const ProgramStep& step = p_.steps[s];
      if (!step.chain.empty()) {
        s = run_chains(s, last, begin, n) - 1;
        continue;
      }
      place_result(s, begin);
      VectorCall call;
      call.n = of_tile ? n : vector_bytes / 4;
      for (size_t a = 0; a < step.args.size(); ++a) {
        call.in[a] = pointers_[step.args[a]];
        call.step[a] = moves(step.args[a]);
      }
      call.out = pointers_[step.out];
      call.value = step.value;
      if (step.indexed) run_indexed(s, call, begin);
      else step.fn(call);
    }
  }

  int64_t moves(int reg) const { return p_.registers[static_cast<size_t>(reg)].level == Level::tile ? 1 : 0; }

  // The chains from step `first` on, together; returns the step after them.
  size_t run_chains(size_t first, size_t last, int64_t begin, int64_t n) {
    ChainLink links[max_chains][max_chain];
    ChainCall calls[max_chains];
    size_t count = 0;
    for (size_t s = first; s < last && count < max_chains && !p_.steps[s].chain.empty(); ++s, ++count) {
      place_result(s, begin);
      calls[count] = bind_chain(p_.steps[s], links[count]);
    }
    p_.chains(calls, static_cast<int>(count), n);
    return first + count;
  }

  ChainCall bind_chain(const ProgramStep& step, ChainLink* links) const {
    size_t next = 1;
    for (size_t k = 0; k < step.chain.size(); ++k) {
      links[k].op = step.chain[k];
      const int operands = operands_of(step.chain[k]);
      const int x = operands > 0 ? step.args[next++] : step.args[0];  // not read where there is none
      const int y = operands > 1 ? step.args[next++] : x;
      links[k] = {step.chain[k], pointers_[x], static_cast<const float*>(pointers_[y]),
                  moves(x), moves(y)};
    }
    return {.out = static_cast<float*>(pointers_[step.out]),
            .start = static_cast<const float*>(pointers_[step.args[0]]),
            .start_step = moves(step.args[0]),
            .links = links,
            .count = static_cast<int>(step.chain.size())};
  }

  void place_result(size_t s, int64_t begin) {
    const ProgramStep& step = p_.steps[s];
    if (direct_[s] == std::byte{0}) return;
    pointers_[step.out] = at(outputs_[step.direct_output], output_at_[step.direct_output] + begin,
                             p_.registers[static_cast<size_t>(step.out)].size);
  }

  // An element's index is an affine function of its coordinates; one call a run of constant step.
  void run_indexed(size_t s, VectorCall call, int64_t begin) {
    const ProgramStep& step = p_.steps[s];
    const int64_t base = step.index_offset + index_at_[s];
    if (step.level != Level::tile || step.index.linear) {
      call.index = static_cast<uint64_t>(base + (step.level == Level::tile ? begin : 0));
      call.index_step = step.level == Level::tile ? 1 : 0;
      return step.fn(call);
    }
    const int64_t n = call.n;
    void* const out = call.out;
    for_each_run(p_.space.block, step.index.block, begin, n, [&](int64_t offset, int64_t position, int64_t count) {
      call.out = static_cast<std::byte*>(out) + 4 * position;
      call.n = count;
      call.index = static_cast<uint64_t>(base + offset);
      call.index_step = static_cast<uint64_t>(step.index.block.back());
      step.fn(call);
    });
  }

  // A step may write straight into its output unless a later step still reads an input that lies there.
  bool direct(const ProgramStep& step) const {
    if (step.direct_output < 0) return false;
    const auto index = static_cast<int>(&step - p_.steps.data());
    for (const ProgramInput& in : p_.inputs) {
      if (in.last_use > index && in.walk.linear && args_[in.reg] == outputs_[step.direct_output]) return false;
    }
    return true;
  }

  void store(size_t o, int64_t begin, int64_t n) {
    const ProgramOutput& out = p_.outputs[o];
    void* from = pointers_[out.reg];
    const int64_t size = p_.registers[static_cast<size_t>(out.reg)].size;
    void* base = at(outputs_[o], output_at_[o], size);
    if (!out.walk.linear) {
      return with_element(size, [&](auto element) {
        scatter<decltype(element)>(p_.space, out.walk, from, begin, n, base);
      });
    }
    void* to = at(base, begin, size);
    if (to == from) return;
    VectorCall call;
    call.out = to;
    call.in[0] = from;
    call.step[0] = 1;
    call.n = n;
    out.copy(call);
  }

  std::byte* cells(size_t o) {
    const ProgramOutput& out = p_.outputs[o];
    return shared_ + out.cells_at + (out.partial ? thread_ * aligned(out.cells * out.cell_bytes) : 0);
  }

  void reduce(size_t o, int64_t begin, int64_t n) {
    const ProgramOutput& out = p_.outputs[o];
    std::byte* values = static_cast<std::byte*>(pointers_[out.reg]);
    const int64_t size = p_.registers[static_cast<size_t>(out.reg)].size;
    if (out.cell.constant) return reduce_run(o, values, n, cell_at_[o]);
    if (p_.space.block.size() == 1) {
      if (out.as_double) return add_to_sums(o, values, n, cell_at_[o] + begin);
      return combine(o, values, n, cell_at_[o] + begin);
    }
    if (out.as_double && out.cell.period > 0 && p_.period % out.cell.period == 0)
      return add_columns(o, values, out.cell.period, n / out.cell.period, cell_at_[o]);
    if (out.as_double && whole_rows(out.cell, begin, n)) return sum_rows(o, values, begin, n);
    for_each_run(p_.space.block, out.cell.block, begin, n, [&](int64_t offset, int64_t position, int64_t count) {
      if (out.cell.block.back() == 0) reduce_run(o, values + position * size, count, cell_at_[o] + offset);
      else combine(o, values + position * size, count, cell_at_[o] + offset);
    });
  }

  void sum_rows(size_t o, const std::byte* values, int64_t begin, int64_t n) {
    const ProgramOutput& out = p_.outputs[o];
    for_each_run(out.cell.groups, out.cell.group_strides, begin, n, [&](int64_t offset, int64_t position, int64_t count) {
      add_columns(o, values + position * 4, out.cell.row, count / out.cell.row, cell_at_[o] + offset);
    });
  }

  void add_columns(size_t o, const void* values, int64_t columns, int64_t rows, int64_t cell) {
    VectorCall call;
    call.out = reinterpret_cast<double*>(cells(o)) + cell;
    call.in[0] = values;
    call.n = columns;
    call.rows = rows;
    p_.outputs[o].flush(call);
  }

  void reduce_run(size_t o, const void* values, int64_t n, int64_t cell) {  // n values into one cell
    const ProgramOutput& out = p_.outputs[o];
    alignas(8) std::byte result[8];
    VectorCall call;
    call.out = result;
    call.in[0] = values;
    call.step[0] = 1;
    call.n = n;
    out.tile_fn(call);
    if (out.as_double) {
      double sum;
      std::memcpy(&sum, result, sizeof sum);
      reinterpret_cast<double*>(cells(o))[cell] += sum;
    } else {
      combine(o, result, 1, cell);
    }
  }

  void combine(size_t o, const void* values, int64_t n, int64_t cell) {  // n values into n cells
    const ProgramOutput& out = p_.outputs[o];
    if (out.as_double) return add_columns(o, values, n, 1, cell);
    VectorCall call;
    call.n = n;
    call.out = cells(o) + cell * out.cell_bytes;
    call.in[0] = call.out;
    call.in[1] = values;
    call.step[0] = call.step[1] = 1;
    out.combine(call);
  }

  // Sums of the same cells over consecutive rows are kept in float for a while.
  void add_to_sums(size_t o, const void* values, int64_t n, int64_t cell) {
    const ProgramOutput& out = p_.outputs[o];
    if (sum_rows_[o] == block_sum_rows || (sum_rows_[o] > 0 && (sum_cell_[o] != cell || sum_length_[o] != n)))
      flush_sums(o);
    VectorCall call;
    call.out = memory_ + out.block_sums_at;
    call.n = n;
    call.step[0] = call.step[1] = 1;
    if (sum_rows_[o]++ == 0) {
      std::memcpy(call.out, values, static_cast<size_t>(n) * 4);
      sum_cell_[o] = cell;
      sum_length_[o] = n;
      return;
    }
    call.in[0] = call.out;
    call.in[1] = values;
    out.combine(call);
  }

  void flush_sums(size_t o) {
    if (sum_rows_[o] == 0) return;
    const ProgramOutput& out = p_.outputs[o];
    add_columns(o, memory_ + out.block_sums_at, sum_length_[o], 1, sum_cell_[o]);
    sum_rows_[o] = 0;
  }

  const LoopProgram& p_;
  void* const* args_;
  void* const* outputs_;
  std::byte* shared_;
  std::byte* memory_;
  void** pointers_;
  std::byte* direct_;  // of each step: whether it computes right into its output
  int thread_;
  int64_t outer_begin_ = 0, outer_end_ = 0;
  int64_t* input_at_;  // offsets of the current outer index, in elements
  int64_t* output_at_;
  int64_t* cell_at_;
  int64_t* index_at_;
  int64_t* sum_cell_;  // which cells the block of sums belongs to, how many rows are in it, and of what length
  int64_t* sum_rows_;
  int64_t* sum_length_;
};

void finish(const LoopProgram& p, void* const* args, std::byte* scratch, int thread) {
  for (size_t i = 0; i < p.outputs.size(); ++i) {
    const ProgramOutput& o = p.outputs[i];
    if (o.reduce == Reduce::none) continue;
    const int64_t begin = o.cells * thread / p.threads, end = o.cells * (thread + 1) / p.threads;
    if (begin < end) finish_cells(p, o, scratch, args[p.inputs.size() + i], begin, end);
  }
}

}  // namespace

void run_loop(const LoopProgram& p, void* const* args) {
  auto* scratch = static_cast<std::byte*>(args[p.inputs.size() + p.outputs.size()]);
  for (const ProgramOutput& o : p.outputs) {
    if (o.reduce == Reduce::none) continue;
    for (int t = 0; t < (o.partial ? p.threads : 1); ++t) {
      fill_cells(o, scratch + o.cells_at + t * aligned(o.cells * o.cell_bytes), o.cells);
    }
  }
  if (p.threads == 1) {
    LoopThread(p, args, scratch, 0).walk();
    finish(p, args, scratch, 0);
    return;
  }
#pragma omp parallel num_threads(p.threads)
  {
    const int thread = omp_get_thread_num();
    LoopThread(p, args, scratch, thread).walk();
    if (p.reduces) {
#pragma omp barrier
      finish(p, args, scratch, thread);
    }
  }
}

}  // namespace nnx::kernels
