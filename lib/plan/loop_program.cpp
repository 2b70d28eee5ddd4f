#include "plan/loop_program.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <tuple>

#include "base/error.h"
#include "ops/attrs.h"

namespace nnx::plan {
namespace {

using kernels::Reduce;

std::vector<int64_t> squeezed(const std::vector<int64_t>& strides, const Shape& shape) {
  std::vector<int64_t> result;
  for (int d = 0; d < shape.rank(); ++d)
    if (shape[d] != 1) result.push_back(strides[static_cast<size_t>(d)]);
  return result;
}

Reduce reduce_of(std::string_view op) {
  if (op == "reduce_sum") return Reduce::sum;
  if (op == "reduce_prod") return Reduce::prod;
  if (op == "reduce_max") return Reduce::max;
  if (op == "reduce_min") return Reduce::min;
  return op == "reduce_and" ? Reduce::logical_and : Reduce::logical_or;
}

class Builder {
 public:
  Builder(const Bound& bound, const Group& group) : bound_(bound), graph_(bound.graph), group_(group) {}

  LoopProgram build() {
    program_.loop.dims = bound_.roles[group_.nodes.back()].space;
    for (const uint32_t n : group_.nodes)
      for (const Value v : graph_.nodes[n].inputs)
        if (!in_register(n, v)) load(n, v);
    for (const uint32_t n : group_.nodes) instruction(n);
    for (const Value v : group_.outputs) store(v);
    return std::move(program_);
  }

 private:
  bool in_register(uint32_t n, Value v) const {
    return std::ranges::binary_search(group_.nodes, bound_.views.root(v).node) && flows(bound_, n, v);
  }

  View loaded_view(uint32_t n, Value v) const {
    View view = bound_.views.at(graph_, v);
    // A key is read as a whole by every element of the draw.
    if (graph_.nodes[n].op->name == "random_bits")
      view.strides.assign(static_cast<size_t>(program_.loop.dims.rank()), 0);
    else view.strides = squeezed(view.strides, graph_.type(v).shape);
    return view;
  }

  void load(uint32_t n, Value v) {
    View view = loaded_view(n, v);
    const auto key = std::tuple(view.root, view.offset, view.strides);
    if (!loads_.emplace(key, static_cast<int>(program_.inputs.size())).second) return;
    program_.loop.inputs.push_back({graph_.type(v).dtype, view.strides});
    program_.inputs.push_back(std::move(view));
  }

  int reg_of(uint32_t n, Value v) const {
    if (in_register(n, v)) return registers_.at(bound_.views.root(v).node);
    const View view = loaded_view(n, v);
    return loads_.at(std::tuple(view.root, view.offset, view.strides));
  }

  void instruction(uint32_t n) {
    const Node& node = graph_.nodes[n];
    if (node.op == &copy_op || node.op->family == Family::reduce) {
      registers_[n] = reg_of(n, node.inputs[0]);
      return;
    }
    kernels::LoopInstruction code{.op = node.op->name, .args = {}, .dtype = node.types[0].dtype};
    for (const Value v : node.inputs) code.args.push_back(reg_of(n, v));
    const Shape& shape = node.types[0].shape;
    if (code.op == "fill") code.value = node.attrs.as<FillAttrs>().value;
    if (code.op == "random_bits") code.index_strides = squeezed(row_major(shape), shape);
    if (code.op == "iota") {
      std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 0);
      strides[static_cast<size_t>(node.attrs.as<IotaAttrs>().axis)] = 1;
      code.index_strides = squeezed(strides, shape);
    }
    registers_[n] = static_cast<int>(program_.loop.inputs.size() + program_.loop.code.size());
    program_.loop.code.push_back(std::move(code));
  }

  void store(Value v) {
    const Node& node = graph_.nodes[v.node];
    kernels::LoopOutput output{.reg = registers_.at(v.node), .strides = {}};
    if (node.op->family == Family::reduce) {
      const Shape& from = graph_.type(node.inputs[0]).shape;
      const auto& axes = node.attrs.as<ReduceAttrs>().axes;
      const std::vector<int64_t> kept = row_major(node.types[0].shape);
      std::vector<int64_t> strides;
      size_t next = 0;
      bool reduces = false;
      for (int d = 0; d < from.rank(); ++d) {
        const bool reduced = std::ranges::find(axes, d) != axes.end();
        strides.push_back(reduced ? 0 : kept[next++]);
        reduces = reduces || (reduced && from[d] != 1);
      }
      output.strides = squeezed(strides, from);
      output.reduce = reduces ? reduce_of(node.op->name) : Reduce::none;
    } else {
      output.strides = squeezed(row_major(node.types[0].shape), node.types[0].shape);
    }
    program_.loop.outputs.push_back(std::move(output));
    program_.outputs.push_back(v);
  }

  const Bound& bound_;
  const Graph& graph_;
  const Group& group_;
  LoopProgram program_;
  std::map<std::tuple<Value, int64_t, std::vector<int64_t>>, int> loads_;
  std::map<uint32_t, int> registers_;
};

// Every list of strides of a loop, to be changed together.
std::vector<std::vector<int64_t>*> stride_lists(kernels::FusedLoop& loop) {
  std::vector<std::vector<int64_t>*> lists;
  for (auto& input : loop.inputs) lists.push_back(&input.strides);
  for (auto& output : loop.outputs) lists.push_back(&output.strides);
  for (auto& code : loop.code)
    if (code.op == "iota" || code.op == "random_bits") lists.push_back(&code.index_strides);
  return lists;
}

void move_to_back(std::vector<int64_t>& list, size_t d) {
  std::rotate(list.begin() + static_cast<int64_t>(d), list.begin() + static_cast<int64_t>(d) + 1, list.end());
}

// What an empty sum and its like are, in bytes of the dtype.
class EmptyLoop : public kernels::Kernel {
 public:
  explicit EmptyLoop(const LoopProgram& program) : inputs_(program.inputs.size()) {
    const kernels::FusedLoop& loop = program.loop;
    for (const kernels::LoopOutput& output : loop.outputs) {
      const size_t reg = static_cast<size_t>(output.reg);
      Store store{reg < loop.inputs.size() ? loop.inputs[reg].dtype : loop.code[reg - loop.inputs.size()].dtype, 1,
                  output.reduce};
      for (int d = 0; d < loop.dims.rank(); ++d)
        if (output.reduce == Reduce::none || output.strides[static_cast<size_t>(d)] != 0) store.count *= loop.dims[d];
      stores_.push_back(store);
    }
  }
  void run(void* const* args) const override {
    for (size_t i = 0; i < stores_.size(); ++i) {
      const Store& s = stores_[i];
      void* to = args[inputs_ + i];
      if (s.dtype == DType::f32)
        fill<float>(to, s, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity());
      if (s.dtype == DType::i32)
        fill<int32_t>(to, s, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min());
      if (s.dtype == DType::u32) fill<uint32_t>(to, s, std::numeric_limits<uint32_t>::max(), 0);
      if (s.dtype == DType::boolean) fill<bool>(to, s, true, false);
    }
  }
  std::string name() const override { return "empty"; }

 private:
  struct Store {
    DType dtype;
    int64_t count;
    Reduce reduce;
  };
  template <class T> static void fill(void* to, const Store& s, T most, T least) {
    const T value = s.reduce == Reduce::prod || s.reduce == Reduce::logical_and ? T(1)
                    : s.reduce == Reduce::max                                   ? least
                    : s.reduce == Reduce::min                                   ? most
                                                                                : T(0);
    std::fill_n(static_cast<T*>(to), s.count, value);
  }
  size_t inputs_;
  std::vector<Store> stores_;
};

}  // namespace

LoopProgram loop_program(const Bound& bound, const Group& group) { return Builder(bound, group).build(); }

kernels::FusedLoop simplify_dims(kernels::FusedLoop loop) {
  const std::vector<std::vector<int64_t>*> lists = stride_lists(loop);
  std::vector<int64_t> dims(loop.dims.begin(), loop.dims.end());
  const auto erase = [&](size_t d) {
    dims.erase(dims.begin() + static_cast<int64_t>(d));
    for (auto* strides : lists) strides->erase(strides->begin() + static_cast<int64_t>(d));
  };
  for (size_t d = dims.size(); d-- > 0;)
    if (dims[d] == 1) erase(d);
  // The innermost dimension is the one that most operands walk with stride 1; the given order wins a tie.
  const auto unit_strides = [&](size_t d) {
    return std::ranges::count_if(lists, [&](const auto* strides) { return (*strides)[d] == 1; });
  };
  if (!dims.empty()) {
    size_t best = dims.size() - 1;
    for (size_t d = best; d-- > 0;)
      if (unit_strides(d) > unit_strides(best)) best = d;
    move_to_back(dims, best);
    for (auto* strides : lists) move_to_back(*strides, best);
  }
  for (size_t d = dims.size(); d-- > 1;) {
    const bool even = std::ranges::all_of(lists, [&](const auto* s) { return (*s)[d - 1] == (*s)[d] * dims[d]; });
    if (!even) continue;
    dims[d] *= dims[d - 1];
    erase(d - 1);
  }
  loop.dims = Shape(dims);
  return loop;
}

kernels::KernelPtr make_loop_kernel(const LoopProgram& program, int threads) {
  if (program.loop.dims.size() == 0) return std::make_unique<EmptyLoop>(program);
  const kernels::FusedLoop loop = simplify_dims(program.loop);
  return kernels::make_fused_loop(loop, threads);
}

}  // namespace nnx::plan
