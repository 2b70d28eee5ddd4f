#include "kernels/loop_space.h"

#include <algorithm>

#include "base/error.h"

namespace nnx::kernels {
namespace {

constexpr int64_t short_row = 64;  // rows shorter than this are run together as one block
constexpr int64_t long_row = 512;  // rows up to this too, where nothing but repeating operands is needed for it

int64_t product(const std::vector<int64_t>& sizes) {
  int64_t p = 1;
  for (const int64_t s : sizes) p *= s;
  return p;
}

bool mergeable(const Strided& s, size_t d) {  // dimensions d and d + 1
  return std::all_of(s.strides.begin(), s.strides.end(),
                     [&](const auto& st) { return st[d] == st[d + 1] * s.dims[d + 1]; });
}

// The length after which strides repeat themselves, being 0 on the leading dimensions and dense on the others; or 0.
int64_t period_of(const std::vector<int64_t>& dims, const std::vector<int64_t>& strides) {
  int64_t dense = 1;
  size_t d = dims.size();
  for (; d > 0 && strides[d - 1] == dense; --d) dense *= dims[d - 1];
  const bool repeats =
      std::all_of(strides.begin(), strides.begin() + static_cast<long>(d), [](int64_t st) { return st == 0; });
  return d > 0 && d < dims.size() && repeats ? dense : 0;
}

bool is_dense(const std::vector<int64_t>& dims, const std::vector<int64_t>& strides) {
  int64_t dense = 1;
  for (size_t d = dims.size(); d-- > 0; dense *= dims[d]) {
    if (strides[d] != dense) return false;
  }
  return true;
}

// Whether the dimensions from `first` on can be one block at no cost: there, every operand is dense, a scalar, or repeats
// within a tile.
bool only_repeats(const Strided& s, size_t first) {
  const auto behind = [first](const std::vector<int64_t>& v) {
    return std::vector<int64_t>(v.begin() + static_cast<std::ptrdiff_t>(first), v.end());
  };
  const std::vector<int64_t> dims = behind(s.dims);
  return std::all_of(s.strides.begin(), s.strides.end(), [&](const auto& all) {
    const std::vector<int64_t> st = behind(all);
    const int64_t period = period_of(dims, st);
    return (period > 0 && period <= longest_tile) || is_dense(dims, st) ||
           std::all_of(st.begin(), st.end(), [](int64_t x) { return x == 0; });
  });
}

}  // namespace

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

void order_outer_dimensions(Strided& s, size_t inputs, const std::vector<LoopOutput>& outputs) {
  const size_t outer = s.dims.size() - 1;
  for (size_t o = 0; o < outputs.size(); ++o) {
    const auto st = s.strides[inputs + o];
    if (outputs[o].reduce == Reduce::none || st.back() == 0 || outer < 2) continue;
    std::vector<size_t> order;
    for (size_t d = 0; d < outer; ++d)
      if (st[d] != 0) order.push_back(d);
    for (size_t d = 0; d < outer; ++d)
      if (st[d] == 0) order.push_back(d);
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

LoopSpace make_space(const Strided& s) {
  LoopSpace space;
  size_t outer = s.dims.size() - 1;
  if (s.dims.back() < short_row) {
    outer = 0;
  } else if (s.dims.back() <= long_row) {
    while (outer > 0 && only_repeats(s, outer - 1)) --outer;
  }
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
  w.moves = std::ranges::any_of(w.outer, [](int64_t st) { return st != 0; });
  w.linear = true;
  int64_t dense = 1;
  for (size_t d = w.block.size(); d-- > 0;) {
    w.linear = w.linear && (space.block[d] == 1 || w.block[d] == dense);
    dense *= space.block[d];
  }
  const size_t rank = w.block.size();
  if (rank > 1) w.period = period_of(space.block, w.block);
  if (rank > 1 && w.block[rank - 1] == 1 && w.block[rank - 2] == 0) {
    w.row = space.block.back();
    w.groups = space.block;
    w.groups.pop_back();
    w.groups.back() *= w.row;
    w.group_strides.assign(w.block.begin(), w.block.end() - 1);
  }
  return w;
}

Level level_of(const Walk& w) {
  if (!w.constant) return Level::tile;
  return w.moves ? Level::outer : Level::run;
}

}  // namespace nnx::kernels
