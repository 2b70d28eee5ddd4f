#include "kernels/fused_loop.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/error.h"
#include "kernels/loop_program.h"
#include "kernels/loop_script.h"
#include "kernels/loop_space.h"

namespace nnx::kernels {
namespace {

// ---- steps

VectorFn need(std::string_view op, DType arg, DType result) {
  const VectorFn fn = find_vector(op, arg, result);
  if (!fn) {
    fail(ErrorKind::internal, {.where = "fused loop",
                               .message = "no vector code for " + std::string(op) + " of " + std::string(name_of(arg)) +
                                          " to " + std::string(name_of(result))});
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
      check(step.args.size() == 1 && static_cast<size_t>(step.args[0]) < p.inputs.size(),
            "random_bits reads a key from an input");
      p.inputs[static_cast<size_t>(step.args[0])].key = true;
    }
    step.fn = need(code.op, arg_dtype, code.dtype);
    p.registers.push_back(
        {.dtype = code.dtype, .level = step.level, .size = static_cast<int64_t>(size_of(code.dtype))});
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
      return dtype == DType::f32   ? -inf
             : dtype == DType::i32 ? static_cast<double>(std::numeric_limits<int32_t>::min())
                                   : 0;
    case Reduce::min:
      return dtype == DType::f32   ? inf
             : dtype == DType::i32 ? static_cast<double>(std::numeric_limits<int32_t>::max())
             : dtype == DType::u32 ? static_cast<double>(std::numeric_limits<uint32_t>::max())
                                   : 1;
    default: return 0;
  }
}

void prepare_reduction(LoopProgram& p, ProgramOutput& out, const std::vector<int64_t>& dims,
                       const std::vector<int64_t>& strides) {
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

// Whether all elements of an array are finite is asked of the array itself: the register that is checked, when nothing
// else reads which of them are. The step that checked them goes.
std::optional<int> checked_register(LoopProgram& p, const LoopOutput& out, int readers) {
  const bool whole = std::ranges::all_of(out.strides, [](int64_t stride) { return stride == 0; });
  if (out.reduce != Reduce::logical_and || !whole || readers != 1) return std::nullopt;
  const auto check = std::ranges::find(p.steps, out.reg, &ProgramStep::out);
  if (check == p.steps.end() || check->op != "is_finite" || check->level != Level::tile) return std::nullopt;
  const int reg = check->args[0];
  p.steps.erase(check);
  return reg;
}

void add_outputs(const FusedLoop& loop, const Strided& s, const std::vector<int>& readers, LoopProgram& p) {
  for (size_t o = 0; o < loop.outputs.size(); ++o) {
    ProgramOutput out;
    const std::vector<int64_t>& strides = s.strides[loop.inputs.size() + o];
    const bool reduces = loop.outputs[o].reduce != Reduce::none;
    const auto reg = static_cast<size_t>(loop.outputs[o].reg);
    const std::optional<int> checked = checked_register(p, loop.outputs[o], readers[reg]);
    out.dtype = p.registers[reg].dtype;
    out.reg = tile_register(p, checked.value_or(loop.outputs[o].reg), reduces);
    out.walk = make_walk(p.space, strides);
    out.reduce = loop.outputs[o].reduce;
    if (out.reduce != Reduce::none) {
      prepare_reduction(p, out, s.dims, strides);
      if (checked) out.tile_fn = need("tile_finite", DType::f32, DType::boolean);
    } else {
      out.copy = need("stop_gradient", out.dtype, out.dtype);
      const auto step =
          std::find_if(p.steps.begin(), p.steps.end(), [&](const ProgramStep& made) { return made.out == out.reg; });
      if (out.walk.linear && step->direct_output < 0) step->direct_output = static_cast<int>(o);
    }
    p.outputs.push_back(std::move(out));
  }
}

void describe(const FusedLoop& loop, LoopProgram& p) {
  p.name = "fused[";
  for (size_t i = 0; i < loop.code.size(); ++i) p.name += (i ? "," : "") + std::string(loop.code[i].op);
  const char* const reduce_names[] = {"", "sum", "prod", "max", "min", "and", "or"};
  for (const LoopOutput& o : loop.outputs) {
    if (o.reduce != Reduce::none)
      p.name += std::string(p.name.back() == '[' ? "" : ",") + "reduce_" + reduce_names[static_cast<size_t>(o.reduce)];
  }
  p.name += "]";
  if (p.chains == vector_table().moments) p.name += " by moments";
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
    if (step.level != Level::tile || p.registers[static_cast<size_t>(step.out)].dtype != DType::f32 ||
        step.op == "copy")
      continue;
    p.flops +=
        static_cast<double>(loop.dims.size()) * static_cast<double>(step.chain.empty() ? 1 : step.args.size() - 1);
  }
}

class FusedLoopKernel final : public Kernel {
 public:
  explicit FusedLoopKernel(LoopProgram program) : program_(std::move(program)), script_(LoopScript::make(program_)) {}
  void run(void* const* args) const override {
    if (!script_ || !script_->run(args)) run_loop(program_, args);
  }
  std::string name() const override { return program_.name; }
  size_t scratch_bytes() const override {
    return program_.shared_bytes + program_.thread_bytes * static_cast<size_t>(program_.threads);
  }
  double flops() const override { return program_.flops; }
  double bytes() const override { return program_.bytes; }
  int threads() const override { return program_.threads; }

 private:
  LoopProgram program_;
  std::unique_ptr<LoopScript> script_;  // of a small loop
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
    p.registers.push_back({.dtype = loop.inputs[i].dtype,
                           .level = level_of(in.walk),
                           .size = static_cast<int64_t>(size_of(loop.inputs[i].dtype))});
    p.inputs.push_back(std::move(in));
  }
  add_steps(loop, s, p);
  const std::vector<int> readers = count_readers(loop, p);
  join_steps(p, readers);
  std::stable_sort(p.steps.begin(), p.steps.end(), [](const auto& a, const auto& b) { return a.level < b.level; });
  add_outputs(loop, s, readers, p);
  const auto below = [&](Level level) {
    return static_cast<size_t>(
        std::count_if(p.steps.begin(), p.steps.end(), [&](const ProgramStep& step) { return step.level < level; }));
  };
  p.first_outer_step = below(Level::outer);
  p.first_tile_step = below(Level::tile);
  p.chains = choose_chains(p);
  for (const ProgramRegister& r : p.registers) p.outer_steps = p.outer_steps || r.level == Level::outer;
  p.lays_out = std::ranges::any_of(p.inputs, [](const ProgramInput& in) { return in.walk.period > 0 && in.walk.moves; });
  choose_split(p, std::max(1, threads));
  place_registers(p);
  describe(loop, p);
  return p;
}

KernelPtr make_fused_loop(const FusedLoop& loop, int threads) {
  return std::make_unique<FusedLoopKernel>(make_loop_program(loop, threads));
}

}  // namespace nnx::kernels
