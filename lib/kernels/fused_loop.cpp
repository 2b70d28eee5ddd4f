#include "kernels/fused_loop.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "kernels/loop_program.h"

namespace nnx::kernels {
namespace {

constexpr int64_t short_row = 64;   // rows shorter than this are run together as one block
constexpr int64_t long_row = 512;   // rows up to this too, where nothing but repeating operands is needed for it
constexpr int64_t longest_tile = 2048;
constexpr int64_t l1_bytes = 48 * 1024;
constexpr int64_t tile_unit = 128;  // whole blocks of the widest chain

int64_t product(const std::vector<int64_t>& sizes) {
  int64_t p = 1;
  for (const int64_t s : sizes) p *= s;
  return p;
}

// ---- the space: dimensions that all operands walk as one are merged

struct Strided {   // every stride list of a loop, so that merging treats them alike
  std::vector<int64_t> dims;
  std::vector<std::vector<int64_t>> strides;   // inputs, outputs, index strides of the steps
};

Strided collect(const FusedLoop& loop) {
  Strided s;
  s.dims.assign(loop.dims.begin(), loop.dims.end());
  const auto take = [&](const std::vector<int64_t>& strides) {
    check(strides.size() == s.dims.size(), "a fused loop needs one stride a dimension");
    s.strides.push_back(strides);
  };
  for (const LoopInput& in : loop.inputs) take(in.strides);
  for (const LoopOutput& out : loop.outputs) take(out.strides);
  for (const LoopInstruction& step : loop.code) {
    take(step.index_strides.empty() ? std::vector<int64_t>(s.dims.size(), 0) : step.index_strides);
  }
  return s;
}

bool mergeable(const Strided& s, size_t d) {   // dimensions d and d + 1
  return std::all_of(s.strides.begin(), s.strides.end(), [&](const auto& st) { return st[d] == st[d + 1] * s.dims[d + 1]; });
}

void merge_dimensions(Strided& s) {
  for (size_t d = s.dims.size(); d-- > 0;) {
    if (s.dims[d] == 1) {
      s.dims.erase(s.dims.begin() + static_cast<long>(d));
      for (auto& st : s.strides) st.erase(st.begin() + static_cast<long>(d));
    }
  }
  for (size_t d = s.dims.size(); d-- > 1;) {
    if (!mergeable(s, d - 1)) continue;
    s.dims[d - 1] *= s.dims[d];
    s.dims.erase(s.dims.begin() + static_cast<long>(d));
    for (auto& st : s.strides) st.erase(st.begin() + static_cast<long>(d - 1));
  }
  if (s.dims.empty()) {
    s.dims.push_back(1);
    for (auto& st : s.strides) st.push_back(0);
  }
}

// Outer dimensions that a reduction sums over come last, so that one block of sums is finished before the next begins.
void order_outer_dimensions(Strided& s, size_t inputs, const std::vector<LoopOutput>& outputs) {
  const size_t outer = s.dims.size() - 1;
  for (size_t o = 0; o < outputs.size(); ++o) {
    const auto st = s.strides[inputs + o];
    if (outputs[o].reduce == Reduce::none || st.back() == 0 || outer < 2) continue;
    std::vector<size_t> order;
    for (size_t d = 0; d < outer; ++d) if (st[d] != 0) order.push_back(d);
    for (size_t d = 0; d < outer; ++d) if (st[d] == 0) order.push_back(d);
    order.push_back(outer);
    const auto permute = [&](std::vector<int64_t>& v) {
      const auto old = v;
      for (size_t d = 0; d < order.size(); ++d) v[d] = old[order[d]];
    };
    permute(s.dims);
    for (auto& strides : s.strides) permute(strides);
    return;
  }
}

// The length after which strides repeat themselves, being 0 on the leading dimensions and dense on the others; or 0.
int64_t period_of(const std::vector<int64_t>& dims, const std::vector<int64_t>& strides) {
  int64_t dense = 1;
  size_t d = dims.size();
  for (; d > 0 && strides[d - 1] == dense; --d) dense *= dims[d - 1];
  const bool repeats = std::all_of(strides.begin(), strides.begin() + static_cast<long>(d), [](int64_t st) { return st == 0; });
  return d > 0 && d < dims.size() && repeats ? dense : 0;
}

bool is_dense(const std::vector<int64_t>& dims, const std::vector<int64_t>& strides) {
  int64_t dense = 1;
  for (size_t d = dims.size(); d-- > 0; dense *= dims[d]) {
    if (strides[d] != dense) return false;
  }
  return true;
}

// Whether the whole space can be one block at no cost: every operand is dense, a scalar, or repeats within a tile.
bool only_repeats(const Strided& s) {
  return std::all_of(s.strides.begin(), s.strides.end(), [&](const auto& st) {
    const int64_t period = period_of(s.dims, st);
    return (period > 0 && period <= longest_tile) || is_dense(s.dims, st) || std::all_of(st.begin(), st.end(), [](int64_t x) { return x == 0; });
  });
}

LoopSpace make_space(const Strided& s) {
  LoopSpace space;
  const bool flat = s.dims.size() > 1 && (s.dims.back() < short_row || (s.dims.back() <= long_row && only_repeats(s)));
  const size_t outer = flat ? 0 : s.dims.size() - 1;
  space.outer.assign(s.dims.begin(), s.dims.begin() + static_cast<long>(outer));
  space.block.assign(s.dims.begin() + static_cast<long>(outer), s.dims.end());
  space.block_size = product(space.block);
  return space;
}

Walk make_walk(const LoopSpace& space, const std::vector<int64_t>& strides) {
  Walk w;
  w.outer.assign(strides.begin(), strides.begin() + static_cast<long>(space.outer.size()));
  w.block.assign(strides.begin() + static_cast<long>(space.outer.size()), strides.end());
  w.constant = std::all_of(w.block.begin(), w.block.end(), [](int64_t st) { return st == 0; });
  w.linear = true;
  int64_t dense = 1;
  for (size_t d = w.block.size(); d-- > 0;) {
    w.linear = w.linear && w.block[d] == dense;
    dense *= space.block[d];
  }
  if (w.block.size() > 1) w.period = period_of(space.block, w.block);
  return w;
}

Level level_of(const Walk& w) {
  if (!w.constant) return Level::tile;
  return std::all_of(w.outer.begin(), w.outer.end(), [](int64_t st) { return st == 0; }) ? Level::run : Level::outer;
}

// ---- steps

VectorFn need(std::string_view op, DType arg, DType result) {
  const VectorFn fn = find_vector(op, arg, result);
  if (!fn) {
    fail(ErrorKind::internal, {.where = "fused loop", .message = "no vector code for " + std::string(op) + " of " +
                                                                 std::string(name_of(arg)) + " to " + std::string(name_of(result))});
  }
  return fn;
}

void add_steps(const FusedLoop& loop, const Strided& s, LoopProgram& p) {
  size_t index_at = loop.inputs.size() + loop.outputs.size();
  for (const LoopInstruction& code : loop.code) {
    ProgramStep step;
    step.op = code.op;
    step.out = static_cast<int>(p.registers.size());
    step.value = code.value;
    step.args = code.args;
    check(step.args.size() <= 4, "a fused instruction has at most four arguments");
    step.indexed = code.op == "iota" || code.op == "random_bits";
    step.index = make_walk(p.space, s.strides[index_at++]);
    step.index_offset = code.index_offset;
    step.level = step.indexed ? level_of(step.index) : Level::run;
    DType arg_dtype = code.dtype;
    for (const int arg : code.args) {
      const auto reg = static_cast<size_t>(arg);
      check(reg < p.registers.size(), "a fused instruction reads a register that is not there yet");
      step.level = std::max(step.level, p.registers[reg].level);
      arg_dtype = p.registers[reg].dtype;
    }
    if (code.op == "random_bits") {
      check(step.args.size() == 1 && static_cast<size_t>(step.args[0]) < p.inputs.size(), "random_bits reads a key from an input");
      p.inputs[static_cast<size_t>(step.args[0])].key = true;
    }
    step.fn = need(code.op, arg_dtype, code.dtype);
    p.registers.push_back({.dtype = code.dtype, .level = step.level, .size = static_cast<int64_t>(size_of(code.dtype))});
    p.steps.push_back(step);
  }
}

std::vector<int> count_readers(const FusedLoop& loop, const LoopProgram& p) {
  std::vector<int> count(p.registers.size(), 0);
  for (const ProgramStep& step : p.steps) {
    for (const int reg : step.args) ++count[static_cast<size_t>(reg)];
  }
  for (const LoopOutput& o : loop.outputs) ++count[static_cast<size_t>(o.reg)];
  return count;
}

// The register as one that there is for each tile: single vectors are copied out, and inputs unless `in_place` will do.
int tile_register(LoopProgram& p, int reg, bool in_place) {
  const ProgramRegister from = p.registers[static_cast<size_t>(reg)];
  if (from.level == Level::tile && (in_place || static_cast<size_t>(reg) >= p.inputs.size())) return reg;
  ProgramStep step;
  step.op = "copy";
  step.fn = need("stop_gradient", from.dtype, from.dtype);
  step.out = static_cast<int>(p.registers.size());
  step.args = {reg};
  p.registers.push_back({.dtype = from.dtype, .level = Level::tile, .size = from.size});
  p.steps.push_back(step);
  return step.out;
}

// ---- outputs

double identity_of(Reduce reduce, DType dtype) {
  const double inf = std::numeric_limits<double>::infinity();
  switch (reduce) {
    case Reduce::prod: return 1;
    case Reduce::logical_and: return 1;
    case Reduce::max:
      return dtype == DType::f32 ? -inf : dtype == DType::i32 ? static_cast<double>(std::numeric_limits<int32_t>::min()) : 0;
    case Reduce::min:
      return dtype == DType::f32   ? inf
             : dtype == DType::i32 ? static_cast<double>(std::numeric_limits<int32_t>::max())
             : dtype == DType::u32 ? static_cast<double>(std::numeric_limits<uint32_t>::max())
                                   : 1;
    default: return 0;
  }
}

void prepare_reduction(LoopProgram& p, ProgramOutput& out, const std::vector<int64_t>& dims, const std::vector<int64_t>& strides) {
  const char* const tile_names[] = {"", "tile_sum", "tile_prod", "tile_max", "tile_min", "tile_and", "tile_or"};
  const char* const combine_names[] = {"", "add", "mul", "maximum", "minimum", "bitwise_and", "bitwise_or"};
  const auto which = static_cast<size_t>(out.reduce);
  out.tile_fn = need(tile_names[which], out.dtype, out.dtype);
  out.combine = need(combine_names[which], out.dtype, out.dtype);
  out.as_double = out.dtype == DType::f32 && out.reduce == Reduce::sum;
  if (out.as_double) out.flush = need("flush_sum", out.dtype, out.dtype);
  out.identity = identity_of(out.reduce, out.dtype);
  out.cell_bytes = out.as_double ? 8 : static_cast<int>(size_of(out.dtype));
  std::vector<int64_t> cell_strides(dims.size(), 0);
  for (size_t d = dims.size(); d-- > 0;) {
    if (strides[d] == 0) continue;
    cell_strides[d] = out.cells;
    out.cells *= dims[d];
    out.kept.insert(out.kept.begin(), dims[d]);
    out.kept_strides.insert(out.kept_strides.begin(), strides[d]);
  }
  if (out.kept.empty()) out.kept = {1}, out.kept_strides = {0};
  out.cell = make_walk(p.space, cell_strides);
  p.reduces = true;
  if (!out.cell.constant && p.space.block.size() == 1 && !p.space.outer.empty()) p.tiles_outermost = true;
}

void add_outputs(const FusedLoop& loop, const Strided& s, LoopProgram& p) {
  for (size_t o = 0; o < loop.outputs.size(); ++o) {
    ProgramOutput out;
    const std::vector<int64_t>& strides = s.strides[loop.inputs.size() + o];
    const bool reduces = loop.outputs[o].reduce != Reduce::none;
    out.reg = tile_register(p, loop.outputs[o].reg, reduces);
    out.dtype = p.registers[static_cast<size_t>(out.reg)].dtype;
    out.walk = make_walk(p.space, strides);
    out.reduce = loop.outputs[o].reduce;
    if (out.reduce != Reduce::none) {
      prepare_reduction(p, out, s.dims, strides);
    } else {
      out.copy = need("stop_gradient", out.dtype, out.dtype);
      const auto step = std::find_if(p.steps.begin(), p.steps.end(), [&](const ProgramStep& made) { return made.out == out.reg; });
      if (out.walk.linear && step->direct_output < 0) step->direct_output = static_cast<int>(o);
    }
    p.outputs.push_back(std::move(out));
  }
}

// ---- threads: an axis that every reduction keeps needs no combining afterwards

void choose_split(LoopProgram& p, int threads) {
  const LoopSpace& space = p.space;
  const auto keeps = [&](auto&& stride) {
    return std::all_of(p.outputs.begin(), p.outputs.end(), [&](const ProgramOutput& o) { return o.reduce == Reduce::none || stride(o) != 0; });
  };
  struct Candidate {
    int dim;
    int64_t unit, units;
    bool kept;
  };
  std::vector<Candidate> candidates;
  for (size_t d = 0; d < space.outer.size(); ++d) {
    candidates.push_back({static_cast<int>(d), 1, space.outer[d], keeps([&](const ProgramOutput& o) { return o.cell.outer[d]; })});
  }
  const int64_t row = space.block.size() > 1 ? space.block_size / std::max<int64_t>(1, space.block[0]) : 64;
  const bool block_kept = keeps([&](const ProgramOutput& o) { return o.cell.block[0]; });
  candidates.push_back({-1, row, (space.block_size + row - 1) / row, block_kept});
  const auto score = [&](const Candidate& c) {   // how evenly it divides; a kept axis wins if it divides well enough
    const double rounds = static_cast<double>((c.units + threads - 1) / threads);
    const double even = static_cast<double>(c.units) / std::max(1.0, rounds * threads);
    return even + (c.kept && even > 0.7 ? 1.0 : 0.0);
  };
  const Candidate& best =
      *std::max_element(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) { return score(a) < score(b); });
  p.threads = static_cast<int>(std::clamp<int64_t>(best.units, 1, threads));
  p.split = best.dim;
  p.split_unit = best.unit;
  for (ProgramOutput& o : p.outputs) {
    const int64_t stride = o.reduce == Reduce::none ? 1 : best.dim < 0 ? o.cell.block[0] : o.cell.outer[static_cast<size_t>(best.dim)];
    o.partial = p.threads > 1 && stride == 0;
  }
}

// ---- memory of a thread: single vectors, tiles (shared by registers that do not live at once), sums, pointers

// Tiles of about `wish` elements; a multiple of the longest period, and of whole vectors where that can be had.
void choose_tile(LoopProgram& p, int64_t wish) {
  p.tile = wish / tile_unit * tile_unit;
  const auto note = [&](const Walk& w) { p.period = w.period <= longest_tile ? std::max(p.period, w.period) : p.period; };
  for (const ProgramInput& in : p.inputs) note(in.walk);
  for (const ProgramOutput& o : p.outputs) note(o.cell);
  if (p.period == 0) return;
  for (int64_t t = p.period; t <= longest_tile; t += p.period) {
    if (t == p.period || (t <= std::max(wish, p.period) && (t % 16 == 0 || p.tile % 16 != 0))) p.tile = t;
  }
}

void place_registers(LoopProgram& p) {
  std::vector<int> last_use(p.registers.size(), -1);
  for (size_t i = 0; i < p.steps.size(); ++i) {
    for (const int reg : p.steps[i].args) last_use[static_cast<size_t>(reg)] = static_cast<int>(i);
  }
  for (const ProgramOutput& o : p.outputs) last_use[static_cast<size_t>(o.reg)] = static_cast<int>(p.steps.size());
  size_t singles = 0;
  for (ProgramRegister& r : p.registers) singles += r.level != Level::tile;
  std::vector<int> slot_of(p.registers.size(), -1);
  std::vector<int> busy_until;   // per slot: the last step that reads it
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
    if (in.walk.period > 0) last_use[reg] = static_cast<int>(p.steps.size());   // laid out once, to stay
    take_slot(reg, 0);
  }
  for (size_t i = 0; i < p.steps.size(); ++i) {
    if (p.steps[i].level == Level::tile) take_slot(static_cast<size_t>(p.steps[i].out), static_cast<int>(i));
  }
  for (const ProgramStep& step : p.steps) operands += step.level == Level::tile;   // at most: most results share places
  choose_tile(p, std::clamp<int64_t>(l1_bytes / 4 / std::max<int64_t>(1, operands), 512, longest_tile));
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
  bytes = align(bytes + static_cast<int64_t>((p.inputs.size() + 5 * p.outputs.size() + p.steps.size() + 8) * sizeof(int64_t)));
  p.thread_bytes = static_cast<size_t>(bytes);
  int64_t shared = 0;
  for (ProgramOutput& o : p.outputs) {
    if (o.reduce == Reduce::none) continue;
    o.cells_at = shared;
    shared += align(o.cells * o.cell_bytes) * (o.partial ? p.threads : 1);
  }
  p.shared_bytes = static_cast<size_t>(shared);
}

void describe(const FusedLoop& loop, LoopProgram& p) {
  p.name = "fused[";
  for (size_t i = 0; i < loop.code.size(); ++i) p.name += (i ? "," : "") + std::string(loop.code[i].op);
  const char* const reduce_names[] = {"", "sum", "prod", "max", "min", "and", "or"};
  for (const LoopOutput& o : loop.outputs) {
    if (o.reduce != Reduce::none) p.name += std::string(p.name.back() == '[' ? "" : ",") + "reduce_" + reduce_names[static_cast<size_t>(o.reduce)];
  }
  p.name += "]";
  const auto footprint = [&](const std::vector<int64_t>& strides, DType dtype) {
    double n = static_cast<double>(size_of(dtype));
    for (size_t d = 0; d < strides.size(); ++d) {
      if (strides[d] != 0) n *= static_cast<double>(loop.dims[static_cast<int>(d)]);
    }
    return n;
  };
  for (const LoopInput& in : loop.inputs) p.bytes += footprint(in.strides, in.dtype);
  for (size_t o = 0; o < loop.outputs.size(); ++o) p.bytes += footprint(loop.outputs[o].strides, p.outputs[o].dtype);
  for (const ProgramStep& step : p.steps) {
    if (step.level != Level::tile || p.registers[static_cast<size_t>(step.out)].dtype != DType::f32 || step.op == "copy") continue;
    p.flops += static_cast<double>(loop.dims.size()) * static_cast<double>(step.chain.empty() ? 1 : step.args.size() - 1);
  }
}

class FusedLoopKernel final : public Kernel {
 public:
  explicit FusedLoopKernel(LoopProgram program) : program_(std::move(program)) {}
  void run(void* const* args) const override { run_loop(program_, args); }
  std::string name() const override { return program_.name; }
  size_t scratch_bytes() const override {
    return program_.shared_bytes + program_.thread_bytes * static_cast<size_t>(program_.threads);
  }
  double flops() const override { return program_.flops; }
  double bytes() const override { return program_.bytes; }
  int threads() const override { return program_.threads; }

 private:
  LoopProgram program_;
};

}  // namespace

VectorFn find_vector(std::string_view op, DType arg, DType result) {
  const VectorTable& table = vector_table();
  for (size_t i = 0; i < table.count; ++i) {
    const VectorEntry& e = table.entries[i];
    if (e.arg == arg && e.result == result && op == e.op) return e.fn;
  }
  return nullptr;
}

bool can_fuse(std::string_view op, std::span<const DType> args, DType result) {
  if (op.find('>') != op.npos || op.starts_with("tile_") || op.starts_with("flush_")) return false;
  return find_vector(op, args.empty() ? result : args.back(), result) != nullptr;
}

LoopProgram make_loop_program(const FusedLoop& loop, int threads) {
  Strided s = collect(loop);
  merge_dimensions(s);
  order_outer_dimensions(s, loop.inputs.size(), loop.outputs);
  LoopProgram p;
  p.space = make_space(s);
  for (size_t i = 0; i < loop.inputs.size(); ++i) {
    ProgramInput in;
    in.reg = static_cast<int>(i);
    in.walk = make_walk(p.space, s.strides[i]);
    p.registers.push_back({.dtype = loop.inputs[i].dtype, .level = level_of(in.walk), .size = static_cast<int64_t>(size_of(loop.inputs[i].dtype))});
    p.inputs.push_back(std::move(in));
  }
  add_steps(loop, s, p);
  join_steps(p, count_readers(loop, p));
  std::stable_sort(p.steps.begin(), p.steps.end(), [](const auto& a, const auto& b) { return a.level < b.level; });
  add_outputs(loop, s, p);
  const auto below = [&](Level level) {
    return static_cast<size_t>(std::count_if(p.steps.begin(), p.steps.end(), [&](const ProgramStep& step) { return step.level < level; }));
  };
  p.first_outer_step = below(Level::outer);
  p.first_tile_step = below(Level::tile);
  for (const ProgramRegister& r : p.registers) p.outer_steps = p.outer_steps || r.level == Level::outer;
  choose_split(p, std::max(1, threads));
  place_registers(p);
  describe(loop, p);
  return p;
}

KernelPtr make_fused_loop(const FusedLoop& loop, int threads) {
  return std::make_unique<FusedLoopKernel>(make_loop_program(loop, threads));
}

}  // namespace nnx::kernels
