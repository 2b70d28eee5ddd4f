#include "kernels/loop_script.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/loop_tiles.h"

namespace nnx::kernels {
namespace {

constexpr int64_t max_pieces = 32;  // calls that one operand of odd strides may take

// Where a register lies: so many bytes behind an argument, or a constant of the script.
struct Place {
  static constexpr int constant = -1;
  int base = constant;
  int64_t offset = 0;  // of a constant: its number
};

// A block as rows of columns, and what is in front of those.
struct Rows {
  int64_t pieces = 1, rows = 1, columns = 1;
};

Rows rows_of(const std::vector<int64_t>& block) {
  Rows r;
  const size_t rank = block.size();
  r.columns = block[rank - 1];
  if (rank > 1) r.rows = block[rank - 2];
  for (size_t d = 0; d + 2 < rank; ++d) r.pieces *= block[d];
  return r;
}

// How a reduction's cells lie in the block.
enum class Cells : uint8_t { one, of_rows, of_columns, other };

Cells cells_of(const LoopSpace& space, const ProgramOutput& o) {
  int64_t dense = 1;  // the result is written as the cells lie
  for (size_t d = o.kept.size(); d-- > 0; dense *= o.kept[d]) {
    if (o.kept[d] != 1 && o.kept_strides[d] != dense) return Cells::other;
  }
  const std::vector<int64_t>& cell = o.cell.block;
  if (o.cell.constant) return Cells::one;
  if (space.block.size() == 1) return cell[0] == 1 ? Cells::of_columns : Cells::other;
  if (space.block.size() > 2) return Cells::other;
  if (cell[0] == 1 && cell[1] == 0) return Cells::of_rows;
  return cell[0] == 0 && cell[1] == 1 ? Cells::of_columns : Cells::other;
}

bool fits(const LoopProgram& p) {
  const auto few_pieces = [&](const Walk& w) {
    return w.linear || w.constant || rows_of(p.space.block).pieces <= max_pieces;
  };
  return p.threads == 1 && p.space.outer.empty() && p.space.block_size > 0 && p.space.block_size <= p.tile &&
         std::ranges::all_of(p.inputs, [&](const ProgramInput& in) { return few_pieces(in.walk); }) &&
         std::ranges::all_of(
             p.steps, [](const ProgramStep& s) { return !s.indexed || s.level != Level::tile || s.index.linear; }) &&
         std::ranges::all_of(p.outputs, [&](const ProgramOutput& o) {
           return o.reduce == Reduce::none ? o.walk.linear : cells_of(p.space, o) != Cells::other;
         });
}

void set_pointer(std::byte* slot, const void* pointer) { std::memcpy(slot, &pointer, sizeof pointer); }

}  // namespace

// Writes the script of a program, one action after the other; the places of their operands become pointers at the end.
class ScriptWriter {
 public:
  ScriptWriter(const LoopProgram& program, LoopScript& script)
      : p_(program), s_(script), places_(p_.registers.size()), scalar_(p_.space.block_size == 1) {}

  void write() {
    place_registers();
    for (const ProgramInput& in : p_.inputs) load(in);
    for (size_t i = 0; i < p_.steps.size(); ++i) i = step(i);
    for (size_t o = 0; o < p_.outputs.size(); ++o) {
      if (p_.outputs[o].reduce != Reduce::none) reduce(o);
    }
    for (size_t o = 0; o < p_.outputs.size(); ++o) {
      if (p_.outputs[o].reduce == Reduce::none) store(o);
    }
    link();
  }

 private:
  size_t output_argument(size_t o) const { return p_.inputs.size() + o; }
  size_t scratch_argument() const { return p_.inputs.size() + p_.outputs.size(); }
  const ProgramRegister& reg(int r) const { return p_.registers[static_cast<size_t>(r)]; }
  Place& place(int r) { return places_[static_cast<size_t>(r)]; }

  // ---- where registers lie

  Place in_scratch(int r) const {
    return {static_cast<int>(scratch_argument()), static_cast<int64_t>(p_.shared_bytes) + reg(r).place};
  }

  // Of a loop over one element nothing is spread or copied: its operands are read and written where they lie.
  void place_registers() {
    elided_.assign(p_.steps.size(), false);
    for (const ProgramInput& in : p_.inputs) {
      const bool in_place = scalar_ || in.key || (reg(in.reg).level == Level::tile && in.walk.linear);
      place(in.reg) = in_place ? Place{in.reg, 0} : in_scratch(in.reg);
    }
    std::vector<int> maker(p_.registers.size(), -1);
    for (size_t i = 0; i < p_.steps.size(); ++i) {
      const ProgramStep& step = p_.steps[i];
      maker[static_cast<size_t>(step.out)] = static_cast<int>(i);
      if (step.op == "fill") {
        place(step.out) = constant(step);
      } else if (step.direct_output < 0) {
        place(step.out) = in_scratch(step.out);
      } else {
        place(step.out) = {static_cast<int>(output_argument(static_cast<size_t>(step.direct_output))), 0};
        size_t writer = i;
        const int source = step.op == "copy" ? maker[static_cast<size_t>(step.args[0])] : -1;
        if (scalar_ && source >= 0 && place(step.args[0]).base == static_cast<int>(scratch_argument())) {
          place(step.args[0]) = place(step.out);  // computed where the copy would go
          elided_[i] = true;
          writer = static_cast<size_t>(source);
        }
        note_hazards(writer, static_cast<size_t>(step.direct_output));
      }
    }
  }

  void note_hazards(size_t writer, size_t output) {
    for (const ProgramInput& in : p_.inputs) {
      const bool in_place = place(in.reg).base == in.reg;
      if (in_place && in.last_use > static_cast<int>(writer))
        s_.hazards_.push_back({static_cast<size_t>(in.reg), output_argument(output)});
    }
  }

  Place constant(const ProgramStep& step) {
    VectorCall call;
    call.out = s_.constants_.emplace_back().data();
    call.n = vector_bytes / reg(step.out).size;
    call.value = step.value;
    step.fn(call);
    return {Place::constant, std::ssize(s_.constants_) - 1};
  }

  // ---- actions

  // An action whose operands are placed; its pointers are filled in by link().
  LoopScript::Action& add(VectorFn fn, int64_t n, Place out, std::vector<Place> in) {
    s_.actions_.push_back({.fn = fn, .call = {.n = n}});
    action_places_.push_back({out, std::move(in)});
    return s_.actions_.back();
  }

  int64_t moves(int r) const { return scalar_ || reg(r).level == Level::tile ? 1 : 0; }

  void load(const ProgramInput& in) {
    if (place(in.reg).base == in.reg) return;
    const int64_t size = reg(in.reg).size;
    const DType kind = size == 1 ? DType::boolean : size == 2 ? DType::bf16 : DType::f32;
    const Place from{in.reg, 0};
    if (reg(in.reg).level == Level::run) {
      add(find_vector("copy_rows", kind, kind), vector_bytes / size, place(in.reg), {from}).call.step[0] = 0;
      return;
    }
    const size_t rank = p_.space.block.size();
    const Rows r = rows_of(p_.space.block);
    // A piece after the other: the offset of each is where the leading dimensions lead.
    const std::vector<int64_t> leading(p_.space.block.begin(),
                                       p_.space.block.end() - std::min<long>(2, std::ssize(p_.space.block)));
    for (int64_t piece = 0; piece < r.pieces; ++piece) {
      int64_t offset = 0, rest = piece;
      for (size_t d = leading.size(); d-- > 0; rest /= leading[d]) offset += rest % leading[d] * in.walk.block[d];
      Place to = place(in.reg);
      to.offset += piece * r.rows * r.columns * size;
      VectorCall& call = add(find_vector("copy_rows", kind, kind), r.columns, to, {{in.reg, offset * size}}).call;
      call.step[0] = in.walk.block[rank - 1];
      call.rows = r.rows;
      call.row_step = rank > 1 ? in.walk.block[rank - 2] : 0;
    }
  }

  // Step i, or the chains from it on; returns the last one done.
  size_t step(size_t i) {
    const ProgramStep& step = p_.steps[i];
    if (step.op == "fill" || elided_[i]) return i;
    const int64_t n = scalar_ ? 1 : step.level == Level::tile ? p_.space.block_size : vector_bytes / 4;
    if (!step.chain.empty()) return chains(i, n);
    std::vector<Place> in;
    for (const int arg : step.args) in.push_back(place(arg));
    VectorCall& call = add(step.fn, n, place(step.out), std::move(in)).call;
    for (size_t a = 0; a < step.args.size(); ++a) call.step[a] = moves(step.args[a]);
    call.value = step.value;
    call.index = static_cast<uint64_t>(step.index_offset);
    call.index_step = step.indexed && step.level == Level::tile ? 1 : 0;
    return i;
  }

  size_t chains(size_t first, int64_t n) {
    LoopScript::Action& action = add(nullptr, n, {}, {});
    action.first_chain = s_.chains_.size();
    size_t i = first;
    for (; i < p_.steps.size() && i - first < max_chains && !p_.steps[i].chain.empty(); ++i) chain(p_.steps[i]);
    action.count = static_cast<int64_t>(i - first);
    return i - 1;
  }

  void chain(const ProgramStep& step) {
    const int start = step.args[0];
    s_.chains_.push_back({.out = nullptr,
                          .start = nullptr,
                          .start_step = moves(start),
                          .links = nullptr,
                          .count = static_cast<int>(step.chain.size())});
    chain_places_.push_back({place(step.out), place(start), s_.links_.size()});
    size_t next = 1;
    for (const ChainOp op : step.chain) {
      const int operands = operands_of(op);
      const int x = operands > 0 ? step.args[next++] : start;  // not read where there is none
      const int y = operands > 1 ? step.args[next++] : x;
      s_.links_.push_back({.op = op, .x = nullptr, .y = nullptr, .x_step = moves(x), .y_step = moves(y)});
      link_places_.push_back({place(x), place(y)});
    }
  }

  // One cell for each row or column, or one in all. Sums of f32 are added in double.
  void reduce(size_t o) {
    const ProgramOutput& out = p_.outputs[o];
    const Place to{static_cast<int>(output_argument(o)), 0}, from = place(out.reg);
    const int64_t size = reg(out.reg).size;
    const Cells cells = cells_of(p_.space, out);
    Rows r = rows_of(p_.space.block);
    if (cells == Cells::one) r = {1, 1, p_.space.block_size};
    if (out.as_double) {
      const char* const op = cells == Cells::of_columns ? "column_sums" : "row_sums";
      add(find_vector(op, out.dtype, out.dtype), r.columns, to, {from}).call.rows = r.rows;
    } else if (cells == Cells::of_columns) {
      add(find_vector("stop_gradient", out.dtype, out.dtype), r.columns, to, {from}).call.step[0] = 1;
      Place second = from;
      second.offset += r.columns * size;
      LoopScript::Action& action = add(out.combine, r.columns, to, {to, second});
      action.call.step[0] = action.call.step[1] = 1;
      action.count = r.rows - 1;
      action.in_bytes = r.columns * size;
      action.last_argument = 1;
    } else {
      LoopScript::Action& action = add(out.tile_fn, r.columns, to, {from});
      action.call.step[0] = 1;
      action.count = r.rows;
      action.in_bytes = r.columns * size;
      action.out_bytes = size;
    }
  }

  void store(size_t o) {
    const ProgramOutput& out = p_.outputs[o];
    const Place to{static_cast<int>(output_argument(o)), 0}, from = place(out.reg);
    if (from.base == to.base) return;
    add(out.copy, p_.space.block_size, to, {from}).call.step[0] = moves(out.reg);
  }

  // ---- pointers

  void link() {
    for (size_t i = 0; i < action_places_.size(); ++i) {
      LoopScript::Action& action = s_.actions_[i];
      if (!action.fn) continue;
      point(&action.call.out, action_places_[i].out);
      for (size_t a = 0; a < action_places_[i].in.size(); ++a) point(&action.call.in[a], action_places_[i].in[a]);
    }
    for (size_t c = 0; c < chain_places_.size(); ++c) {
      point(&s_.chains_[c].out, chain_places_[c].out);
      point(&s_.chains_[c].start, chain_places_[c].start);
      s_.chains_[c].links = s_.links_.data() + chain_places_[c].first_link;
    }
    for (size_t k = 0; k < link_places_.size(); ++k) {
      point(&s_.links_[k].x, link_places_[k][0]);
      point(&s_.links_[k].y, link_places_[k][1]);
    }
    for (const std::vector<LoopScript::Patch>& patches : found_) {
      s_.first_patch_.push_back(s_.patches_.size());
      s_.patches_.insert(s_.patches_.end(), patches.begin(), patches.end());
    }
    s_.first_patch_.push_back(s_.patches_.size());
    s_.bound_.assign(found_.size(), nullptr);
    s_.run_chains_ = p_.chains;
  }

  template <class Pointer> void point(Pointer* slot, const Place& at) {
    auto* bytes = reinterpret_cast<std::byte*>(slot);
    if (at.base == Place::constant) set_pointer(bytes, s_.constants_[static_cast<size_t>(at.offset)].data());
    else found_[static_cast<size_t>(at.base)].push_back({bytes, at.offset});
  }

  struct ActionPlaces {
    Place out;
    std::vector<Place> in;
  };
  struct ChainPlaces {
    Place out, start;
    size_t first_link;
  };

  const LoopProgram& p_;
  LoopScript& s_;
  std::vector<Place> places_;  // by register
  bool scalar_;
  std::vector<bool> elided_;  // steps that are not needed
  std::vector<ActionPlaces> action_places_;
  std::vector<ChainPlaces> chain_places_;
  std::vector<std::array<Place, 2>> link_places_;
  std::vector<std::vector<LoopScript::Patch>> found_ =
      std::vector<std::vector<LoopScript::Patch>>(scratch_argument() + 1);  // by argument
};

std::unique_ptr<LoopScript> LoopScript::make(const LoopProgram& program) {
  if (!fits(program)) return nullptr;
  auto script = std::make_unique<LoopScript>();
  ScriptWriter(program, *script).write();
  return script;
}

void LoopScript::bind(size_t argument, void* pointer) {
  for (size_t i = first_patch_[argument]; i < first_patch_[argument + 1]; ++i)
    set_pointer(patches_[i].slot, static_cast<std::byte*>(pointer) + patches_[i].offset);
  bound_[argument] = pointer;
}

bool LoopScript::run(void* const* args) {
  for (const Hazard& h : hazards_) {
    if (args[h.input] == args[h.output]) return false;
  }
  for (size_t a = 0; a < bound_.size(); ++a) {
    if (args[a] != bound_[a]) bind(a, args[a]);
  }
  for (const Action& action : actions_) {
    if (!action.fn) {
      run_chains_(chains_.data() + action.first_chain, static_cast<int>(action.count), action.call.n);
    } else if (action.count == 1) {
      action.fn(action.call);
    } else {
      VectorCall call = action.call;
      for (int64_t i = 0; i < action.count; ++i) {
        action.fn(call);
        const void*& in = call.in[action.last_argument];
        in = static_cast<const std::byte*>(in) + action.in_bytes;
        call.out = static_cast<std::byte*>(call.out) + action.out_bytes;
      }
    }
  }
  return true;
}

}  // namespace nnx::kernels
