// Joins the steps of a loop whose results have one reader: chains of cheap f32 ops keep their value in registers
// (vector/chain.h), a comparison goes into its select, selects into chains, and random words become uniform numbers where they are drawn.
// The arithmetic is that of the single ops, bit for bit.
#include <algorithm>
#include <array>
#include <optional>

#include "kernels/loop_program.h"

namespace nnx::kernels {
namespace {

struct Joiner {
  LoopProgram& p;
  const std::vector<int>& readers;
  std::vector<int> maker;  // which step makes a register, or -1
  std::vector<bool> gone;

  bool is_f32(int reg) const { return p.registers[static_cast<size_t>(reg)].dtype == DType::f32; }

  // The step that makes `reg`, when this is its only reader.
  ProgramStep* sole_maker(int reg) {
    const int i = maker[static_cast<size_t>(reg)];
    return i >= 0 && readers[static_cast<size_t>(reg)] == 1 && p.steps[static_cast<size_t>(i)].level == Level::tile
               ? &p.steps[static_cast<size_t>(i)]
               : nullptr;
  }
  // Whether `step` is `op` of something and this constant.
  bool is_with(const ProgramStep* step, std::string_view op, double value) const {
    if (!step || step->op != op || step->args.size() != 2) return false;
    const int i = maker[static_cast<size_t>(step->args[1])];
    return i >= 0 && p.steps[static_cast<size_t>(i)].op == "fill" && p.steps[static_cast<size_t>(i)].value == value;
  }
  void remove(const ProgramStep& step) { gone[static_cast<size_t>(&step - p.steps.data())] = true; }
};

// The link for `op` with the running value as its argument `at`.
std::optional<ChainOp> link_of(std::string_view op, int at) {
  struct Row {
    std::string_view op;
    ChainOp first;
    std::optional<ChainOp> second = {};
  };
  static constexpr Row rows[] = {
      {"add", ChainOp::add, ChainOp::add},
      {"sub", ChainOp::sub, ChainOp::reverse_sub},
      {"mul", ChainOp::mul, ChainOp::mul},
      {"div", ChainOp::div, ChainOp::reverse_div},
      {"negative", ChainOp::negative},
      {"abs", ChainOp::abs},
      {"sqrt", ChainOp::sqrt},
      {"rsqrt", ChainOp::rsqrt},
      {"maximum", ChainOp::maximum},
      {"minimum", ChainOp::minimum},
  };
  for (const Row& row : rows) {
    if (row.op == op) return at == 0 ? row.first : row.second;
  }
  return std::nullopt;
}

// A step as a chain of one link; false when it is none.
bool start_chain(const Joiner& j, ProgramStep& step) {
  if (step.level != Level::tile || step.args.empty() || !j.is_f32(step.out) || !j.is_f32(step.args[0])) return false;
  if (!step.chain.empty()) return true;
  const auto link = link_of(step.op, 0);
  if (!link) return false;
  step.chain = {*link};
  if (step.op == "mul" && step.args[0] == step.args[1]) {
    step.chain = {ChainOp::square};
    step.args.pop_back();
  }
  return true;
}

bool is_single(const ProgramStep* step, ChainOp op) { return step && step->chain.size() == 1 && step->chain[0] == op; }

// `step`, of one link, becomes the end of the chain that makes its argument `at`.
bool extend(Joiner& j, ProgramStep& step, int at) {
  ProgramStep* before = j.sole_maker(step.args[static_cast<size_t>(at)]);
  if (!before || before->chain.empty() || before->chain.size() >= max_chain) return false;
  const auto link = link_of(step.op, at);
  if (!link) return false;
  const int other = step.args.size() > 1 ? step.args[static_cast<size_t>(1 - at)] : -1;
  std::vector<ChainOp> chain = before->chain;
  std::vector<int> args = before->args;
  ProgramStep* pair = other >= 0 ? j.sole_maker(other) : nullptr;  // x y or x / y, computed inside the link
  if (is_single(pair, ChainOp::mul) && (step.op == "add" || step.op == "sub")) {
    chain.push_back(step.op == "add" ? ChainOp::add_product
                    : at == 0        ? ChainOp::sub_product
                                     : ChainOp::reverse_sub_product);
    args.insert(args.end(), pair->args.begin(), pair->args.end());
    j.remove(*pair);
  } else if ((is_single(pair, ChainOp::mul) || is_single(pair, ChainOp::div)) && step.op == "div" && at == 1) {
    chain.push_back(pair->chain[0] == ChainOp::mul ? ChainOp::reverse_div_product : ChainOp::reverse_div_quotient);
    args.insert(args.end(), pair->args.begin(), pair->args.end());
    j.remove(*pair);
  } else {
    chain.push_back(*link);
    if (other >= 0) args.push_back(other);
  }
  j.remove(*before);
  step.chain = std::move(chain);
  step.args = std::move(args);
  return true;
}

// The sum of something and a product of two registers, where no chain leads to the sum.
bool absorb_product(Joiner& j, ProgramStep& step) {
  if (step.op != "add" && step.op != "sub") return false;
  for (const int at : {1, 0}) {
    ProgramStep* product = j.sole_maker(step.args[static_cast<size_t>(at)]);
    if (!is_single(product, ChainOp::mul)) continue;
    const int start = step.args[static_cast<size_t>(1 - at)];
    step.chain = {step.op == "add" ? ChainOp::add_product
                  : at == 1        ? ChainOp::sub_product
                                   : ChainOp::reverse_sub_product};
    step.args = {start, product->args[0], product->args[1]};
    j.remove(*product);
    return true;
  }
  return false;
}

void join_chain(Joiner& j, ProgramStep& step) {
  if (!start_chain(j, step) || step.chain[0] == ChainOp::square) return;
  const auto length = [&](int at) {
    const ProgramStep* before = j.sole_maker(step.args[static_cast<size_t>(at)]);
    return before ? before->chain.size() : 0;
  };
  if (step.args.size() == 1) {
    extend(j, step, 0);
  } else if (step.args[0] != step.args[1]) {
    const int longer = length(1) > length(0) ? 1 : 0;  // the running value comes along the longer chain
    if (!extend(j, step, longer) && !extend(j, step, 1 - longer)) absorb_product(j, step);
  }
}

// bitcast(bits >> 9 | the bits of 1) - 1.
bool join_uniform(Joiner& j, ProgramStep& step) {
  if (!j.is_with(&step, "sub", 1)) return false;
  ProgramStep* const cast = j.sole_maker(step.args[0]);
  if (!cast || cast->op != "bitcast") return false;
  ProgramStep* const mantissa = j.sole_maker(cast->args[0]);
  if (!j.is_with(mantissa, "bitwise_or", 0x3f800000)) return false;
  ProgramStep* const shift = j.sole_maker(mantissa->args[0]);
  if (!j.is_with(shift, "shift_right_logical", 9)) return false;
  ProgramStep* const draw = j.sole_maker(shift->args[0]);
  if (!draw || draw->op != "random_bits") return false;
  const int out = step.out;
  step = *draw;
  step.out = out;
  step.fn = find_vector("random_bits>uniform", DType::u32, DType::f32);
  for (const ProgramStep* gone : {cast, mantissa, shift, draw}) j.remove(*gone);
  return true;
}

bool join_compare(Joiner& j, ProgramStep& select) {
  ProgramStep* compare = j.sole_maker(select.args[0]);
  if (!compare || compare->args.size() != 2 || !j.is_f32(compare->args[0])) return false;
  const VectorFn fn = find_vector(compare->op + ">select", DType::f32, DType::f32);
  if (!fn) return false;
  select.fn = fn;
  select.args = {compare->args[0], compare->args[1], select.args[1], select.args[2]};
  j.remove(*compare);
  return true;
}

// A select by a mask continues the chain that makes one of its values, or starts one.
void join_select(Joiner& j, ProgramStep& step) {
  if (step.op != "select" || step.level != Level::tile || !j.is_f32(step.out) || join_compare(j, step)) return;
  const auto [mask, first, second] = std::array{step.args[0], step.args[1], step.args[2]};
  const auto chain_of = [&](int reg) {
    ProgramStep* before = j.sole_maker(reg);
    return before && !before->chain.empty() && before->chain.size() < max_chain ? before : nullptr;
  };
  ProgramStep* before = first == second ? nullptr : chain_of(first);
  const bool keeps = before || first == second || !chain_of(second);
  if (!keeps) before = chain_of(second);
  step.chain = before ? before->chain : std::vector<ChainOp>{};
  step.args = before ? before->args : std::vector{first};
  step.chain.push_back(keeps ? ChainOp::select_first : ChainOp::select_second);
  step.args.insert(step.args.end(), {mask, keeps ? second : first});
  if (before) j.remove(*before);
}

// Whether the loop is an update by moments, as vector/moments.h has it, and nothing else. Then operands of products are
// put into its order, array before scalar and the moment before the gradient, which changes no bit.
bool arrange_moments_update(LoopProgram& p) {
  using enum ChainOp;
  if (p.steps.size() != p.first_tile_step + 3) return false;
  ProgramStep *m = &p.steps[p.first_tile_step], *v = m + 1, *update = m + 2;
  const std::vector<ChainOp> plain{mul, sqrt, add, reverse_div_product, mul, add};
  const std::vector<ChainOp> decayed{mul, sqrt, add, reverse_div_product, add_product, mul, add};
  const bool decays = update->chain == decayed;
  if (m->chain != std::vector{mul, add_product} || v->chain != std::vector{square, mul, add_product} ||
      (update->chain != plain && !decays))
    return false;
  const auto is_array = [&](int reg) { return p.registers[static_cast<size_t>(reg)].level == Level::tile; };
  const auto product = [&](std::vector<int> args, size_t at) {  // the operands at `at` and behind it, array first
    if (!is_array(args[at])) std::swap(args[at], args[at + 1]);
    return args;
  };
  std::vector<int> of_m = product(product(m->args, 0), 2), of_v = product(v->args, 2), of_p = product(update->args, 3);
  if (decays) of_p = product(std::move(of_p), 5);
  if (of_m[0] == of_v[0]) std::rotate(of_m.begin(), of_m.begin() + 2, of_m.end());
  const auto are = [&](const std::vector<int>& args, std::string_view kinds) {
    return std::ranges::equal(args, kinds, [&](int reg, char kind) { return is_array(reg) == (kind == 'a'); });
  };
  if (!are(of_m, "asas") || !are(of_v, "asas") || !are(of_p, decays ? "assasassa" : "assassa")) return false;
  if (of_m[2] != of_v[0] || of_p[0] != v->out || of_p[3] != m->out || (decays && of_p[5] != of_p.back())) return false;
  m->args = std::move(of_m);
  v->args = std::move(of_v);
  update->args = std::move(of_p);
  return true;
}

}  // namespace

int operands_of(ChainOp op) {
  switch (op) {
    case ChainOp::negative:
    case ChainOp::abs:
    case ChainOp::sqrt:
    case ChainOp::rsqrt:
    case ChainOp::square: return 0;
    case ChainOp::add_product:
    case ChainOp::sub_product:
    case ChainOp::reverse_sub_product:
    case ChainOp::reverse_div_product:
    case ChainOp::reverse_div_quotient:
    case ChainOp::select_first:
    case ChainOp::select_second: return 2;
    default: return 1;
  }
}

ChainsFn choose_chains(LoopProgram& program) {
  return arrange_moments_update(program) ? vector_table().moments : vector_table().chains;
}

void join_steps(LoopProgram& p, const std::vector<int>& readers) {
  Joiner j{p, readers, std::vector<int>(p.registers.size(), -1), std::vector<bool>(p.steps.size(), false)};
  for (size_t i = 0; i < p.steps.size(); ++i) j.maker[static_cast<size_t>(p.steps[i].out)] = static_cast<int>(i);
  for (ProgramStep& step : p.steps) {
    if (join_uniform(j, step)) continue;
    if (step.op == "select") join_select(j, step);
    else join_chain(j, step);
  }
  std::vector<ProgramStep> kept;
  for (size_t i = 0; i < p.steps.size(); ++i) {
    if (j.gone[i]) continue;
    if (p.steps[i].chain.size() == 1 && p.steps[i].chain[0] != ChainOp::square &&
        operands_of(p.steps[i].chain[0]) < 2) {
      p.steps[i].chain.clear();  // one op alone has a loop of its own
    }
    kept.push_back(std::move(p.steps[i]));
  }
  p.steps = std::move(kept);
}

}  // namespace nnx::kernels
