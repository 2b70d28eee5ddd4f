// Where a loop's work and results go: which axis the threads share out, how long a tile is, and the memory of a thread.
#include <algorithm>

#include "kernels/loop_space.h"

namespace nnx::kernels {
namespace {

constexpr int64_t l1_bytes =
    48 * 1024;                      // somewhat more than there may be: results that share a place are counted apart
constexpr int64_t tile_unit = 128;  // whole blocks of the widest chain
constexpr int64_t longest_chains_tile = 8192;
// A loop of one thread that keeps less than this is done in one tile: a walk would cost more than the way to L2.
constexpr int64_t small_bytes = 96 * 1024;

// Tiles of about `wish` elements; a multiple of the longest period, and of whole vectors where that can be had.
void choose_tile(LoopProgram& p, int64_t wish) {
  p.tile = wish / tile_unit * tile_unit;
  const auto note = [&](const Walk& w) {  // tiles of whole rows, too
    p.period = w.period <= longest_tile ? std::max(p.period, w.period) : p.period;
    p.period = w.row <= longest_tile ? std::max(p.period, w.row) : p.period;
  };
  for (const ProgramInput& in : p.inputs) note(in.walk);
  for (const ProgramOutput& o : p.outputs) note(o.cell);
  for (int64_t t = p.period; p.period > 0 && t <= longest_tile; t += p.period) {
    if (t == p.period || (t <= std::max(wish, p.period) && (t % 16 == 0 || p.tile % 16 != 0))) p.tile = t;
  }
  p.tile = std::min(p.tile, (p.space.block_size + 15) / 16 * 16);  // no more memory than is used
}

}  // namespace

// The outermost axis lets every thread stream through memory. Reductions over it then have cells in each thread, to be
// combined afterwards: where these are many, an axis that every reduction keeps is better.
void choose_split(LoopProgram& p, int threads) {
  const LoopSpace& space = p.space;
  const auto keeps = [&](auto&& stride) {
    return std::all_of(p.outputs.begin(), p.outputs.end(),
                       [&](const ProgramOutput& o) { return o.reduce == Reduce::none || stride(o) != 0; });
  };
  struct Candidate {
    int dim;
    int64_t unit, units;
    bool kept;
  };
  std::vector<Candidate> candidates;
  for (size_t d = 0; d < space.outer.size(); ++d) {
    candidates.push_back(
        {static_cast<int>(d), 1, space.outer[d], keeps([&](const ProgramOutput& o) { return o.cell.outer[d]; })});
  }
  const int64_t row = space.block.size() > 1 ? space.block_size / std::max<int64_t>(1, space.block[0]) : 64;
  const bool block_kept = keeps([&](const ProgramOutput& o) { return o.cell.block[0]; });
  candidates.push_back({-1, row, (space.block_size + row - 1) / row, block_kept});
  int64_t elements = space.block_size;
  for (const int64_t size : space.outer) elements *= size;
  const bool few_cells = std::ranges::all_of(p.outputs, [&](const ProgramOutput& o) {
    return o.reduce == Reduce::none || o.cells * threads * 16 <= elements;
  });
  const auto score = [&](const Candidate& c) {  // how evenly it divides; a better axis wins if it divides well enough
    const double rounds = static_cast<double>((c.units + threads - 1) / threads);
    const double even = static_cast<double>(c.units) / std::max(1.0, rounds * threads);
    const bool streams = c.dim == 0 || space.outer.empty();
    if (even <= 0.7) return even;
    return even + (streams && few_cells ? 2.0 : c.kept ? 1.0 : 0.0);
  };
  const Candidate& best = *std::max_element(candidates.begin(), candidates.end(),
                                            [&](const auto& a, const auto& b) { return score(a) < score(b); });
  p.threads = static_cast<int>(std::clamp<int64_t>(best.units, 1, threads));
  p.split = best.dim;
  p.split_unit = best.unit;
  for (ProgramOutput& o : p.outputs) {
    const int64_t stride = o.reduce == Reduce::none ? 1
                           : best.dim < 0           ? o.cell.block[0]
                                                    : o.cell.outer[static_cast<size_t>(best.dim)];
    o.partial = p.threads > 1 && stride == 0;
  }
}

// The last step that reads each register. Chains that follow each other run together, block by block: what one has read of
// such a block another may overwrite, but a mask's elements are shorter, and its place stays taken until the last of them.
std::vector<int> last_uses(const LoopProgram& p) {
  std::vector<int> last(p.registers.size(), -1);
  int chains_end = -1;
  for (size_t i = p.steps.size(); i-- > 0;) {
    const ProgramStep& step = p.steps[i];
    if (step.chain.empty()) chains_end = -1;
    else if (chains_end < 0) chains_end = static_cast<int>(i);
    for (const int reg : step.args) {
      const bool mask = !step.chain.empty() && p.registers[static_cast<size_t>(reg)].size < 4;
      last[static_cast<size_t>(reg)] = std::max(last[static_cast<size_t>(reg)], mask ? chains_end : static_cast<int>(i));
    }
  }
  for (const ProgramOutput& o : p.outputs) last[static_cast<size_t>(o.reg)] = static_cast<int>(p.steps.size());
  return last;
}

// Memory of a thread: single vectors, tiles (shared by registers that do not live at once), sums, pointers.
void place_registers(LoopProgram& p) {
  std::vector<int> last_use = last_uses(p);
  size_t singles = 0;
  for (ProgramRegister& r : p.registers) singles += r.level != Level::tile;
  std::vector<int> slot_of(p.registers.size(), -1);
  std::vector<int> busy_until;  // per slot: the last step that reads it
  const auto take_slot = [&](size_t reg, int now) {
    size_t slot = 0;
    while (slot < busy_until.size() && busy_until[slot] >= now) ++slot;
    if (slot == busy_until.size()) busy_until.push_back(0);
    busy_until[slot] = std::max(last_use[reg], now);
    slot_of[reg] = static_cast<int>(slot);
  };
  int64_t operands = 0;
  for (ProgramInput& in : p.inputs) {
    const auto reg = static_cast<size_t>(in.reg);
    in.last_use = last_use[reg];
    if (in.key || p.registers[reg].level != Level::tile) continue;
    ++operands;
    if (in.walk.linear) continue;
    if (in.walk.period > 0) last_use[reg] = static_cast<int>(p.steps.size());  // laid out once, to stay
    take_slot(reg, 0);
  }
  for (size_t i = 0; i < p.steps.size(); ++i) {
    if (p.steps[i].level == Level::tile) take_slot(static_cast<size_t>(p.steps[i].out), static_cast<int>(i));
  }
  for (const ProgramStep& step : p.steps) operands += step.level == Level::tile;  // at most: most results share places
  operands = std::max<int64_t>(1, operands);
  const bool small =
      p.threads == 1 && p.space.block_size <= longest_tile && 4 * operands * p.space.block_size <= small_bytes;
  const bool in_registers =  // chains that run together, block by block: how long a tile is does not matter to L1
      !p.reduces && p.steps.size() - p.first_tile_step <= max_chains &&
      std::all_of(p.steps.begin() + static_cast<std::ptrdiff_t>(p.first_tile_step), p.steps.end(),
                  [](const ProgramStep& step) { return !step.chain.empty(); });
  choose_tile(p, in_registers ? longest_chains_tile
                 : small      ? longest_tile
                              : std::clamp<int64_t>(l1_bytes / 4 / operands, 512, longest_tile));
  int64_t next_single = 0;
  const int64_t tiles_at = static_cast<int64_t>(singles) * vector_bytes;
  for (size_t r = 0; r < p.registers.size(); ++r) {
    if (p.registers[r].level != Level::tile) {
      p.registers[r].place = vector_bytes * next_single++;
    } else if (slot_of[r] >= 0) {
      p.registers[r].place = tiles_at + slot_of[r] * p.tile * 4;
    }
  }
  int64_t bytes = tiles_at + static_cast<int64_t>(busy_until.size()) * p.tile * 4;
  for (ProgramOutput& o : p.outputs) {
    o.block_sums_at = bytes;
    if (o.as_double) bytes += p.tile * 4;
  }
  const auto align = [](int64_t b) { return (b + 63) / 64 * 64; };
  p.pointers_at = static_cast<size_t>(bytes);
  bytes = align(bytes + static_cast<int64_t>(p.registers.size() * sizeof(void*)));
  p.direct_at = static_cast<size_t>(bytes);
  bytes = align(bytes + static_cast<int64_t>(p.steps.size()));
  p.offsets_at = static_cast<size_t>(bytes);
  bytes = align(bytes +
                static_cast<int64_t>((p.inputs.size() + 5 * p.outputs.size() + p.steps.size() + 8) * sizeof(int64_t)));
  p.thread_bytes = static_cast<size_t>(bytes);
  int64_t shared = 0;
  for (ProgramOutput& o : p.outputs) {
    if (o.reduce == Reduce::none) continue;
    o.cells_at = shared;
    shared += align(o.cells * o.cell_bytes) * (o.partial ? p.threads : 1);
  }
  p.shared_bytes = static_cast<size_t>(shared);
}

}  // namespace nnx::kernels
