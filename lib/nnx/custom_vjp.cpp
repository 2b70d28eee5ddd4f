#include "nnx/custom_vjp.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "nnx/carry.h"
#include "nnx/selective_visitor.h"
#include "ops/loop.h"
#include "ops/shape.h"

namespace nnx::detail {
namespace {

constexpr std::string_view where = "custom_vjp";

void append(auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); }

std::vector<Type> types_of(std::span<const Array> arrays) {
  std::vector<Type> out;
  for (const Array& a : arrays) out.push_back(a.type());
  return out;
}

Path below(int64_t element, const Path& path) {
  Path out{Key(element)};
  append(out, path);
  return out;
}

// A path with the steps of State keys, which are whole paths, apart.
Path steps_of(const Path& path) {
  Path out;
  for (const Key& key : path) {
    if (key.index >= 0) out.push_back(key);
    else append(out, parse_path(key.name));
  }
  return out;
}

class Abstracter final : public SelectiveVisitor {
 public:
  void array(FieldName, Array& a) override { a = abstract_array(a.type()); }
};

// One call as the three bodies of the op see it. Inputs of the op: leaves of the arguments, then the captures of the function,
// of forward and of backward. Residuals of the op: those of forward, then the captures of backward.
class CustomVjp {
 public:
  explicit CustomVjp(const CustomVjpCall& call)
      : arguments_(call.function),
        function_(trace_call(arguments_, call.function, arguments_.types())),
        forward_(trace_call(arguments_, call.forward, arguments_.types())),
        pulled_(handed_over(call)),
        backward_(trace_call(pulled_, call.backward, pulled_.types())),
        single_(call.single_gradient) {
    expect_same_structure(arguments_, function_, where);
    expect_same_structure(arguments_, forward_, where);
    choose_outputs();
    choose_residuals();
  }

  void run() {
    const Arrays own = captured_values(function_.captures), extra = captured_values(forward_.captures),
                 late = captured_values(backward_.captures);
    Arrays inputs = arguments_.values;
    append(inputs, own), append(inputs, extra), append(inputs, late);
    const std::vector<Type> types = types_of(inputs);
    const size_t first = arguments_.size(), second = first + own.size(), third = second + extra.size();
    const auto body = trace(types, [&](std::span<const Array> in) {
      return nnx::apply(with_outputs(function_.graph, outputs_), part(in, first, own.size()));
    });
    const auto forward = trace(types, [&](std::span<const Array> in) {
      Graph graph = forward_.graph;
      graph.outputs.clear();
      for (const size_t o : forward_outputs_) graph.outputs.push_back(forward_.graph.outputs[o]);
      for (const size_t leaf : residuals_) graph.outputs.push_back(residual_value(leaf));
      Arrays out = nnx::apply(graph, part(in, second, extra.size()));
      append(out, in.subspan(third));
      return out;
    });
    const Arrays values = nnx::custom_vjp(std::make_shared<const Graph>(body.graph), std::make_shared<const Graph>(forward.graph),
                                          backward_body(types, types_of(late)), inputs);
    for (size_t k = 0; k < outputs_.size(); ++k) deliver(arguments_, function_, function_.outputs[outputs_[k]], values[k]);
  }

 private:
  // The leaves and `count` captures from `offset` on.
  Arrays part(std::span<const Array> in, size_t offset, size_t count) const {
    Arrays out(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(arguments_.size()));
    append(out, in.subspan(offset, count));
    return out;
  }

  static size_t find_output(const TracedCall& traced, Output::Form form, size_t index) {
    const auto at = std::ranges::find_if(traced.outputs, [&](const Output& o) { return o.form == form && o.index == index; });
    return static_cast<size_t>(at - traced.outputs.begin());
  }
  static size_t find_result(const TracedCall& traced, const Path& path) {
    const auto at = std::ranges::find(traced.result_paths, path);
    return at == traced.result_paths.end() ? traced.outputs.size()
                                           : find_output(traced, Output::Form::result, static_cast<size_t>(at - traced.result_paths.begin()));
  }

  // The result and every Variable that the function or forward changes.
  void choose_outputs() {
    for (size_t o = 0; o < function_.outputs.size(); ++o) {
      const Output& output = function_.outputs[o];
      if (output.form == Output::Form::new_cell)
        fail(ErrorKind::structure, {.where = std::string(where), .message = "the function may not make Variables"});
      const size_t same = output.form == Output::Form::result ? find_result(forward_, below(0, function_.result_paths[output.index]))
                                                              : find_output(forward_, output.form, output.index);
      if (same == forward_.outputs.size())
        fail(ErrorKind::structure, {.where = std::string(where), .message = fmt::format("forward does not give '{}' of the result", to_string(function_.result_paths[output.index]))});
      if (!output.changed && !forward_.outputs[same].changed) continue;
      outputs_.push_back(o);
      forward_outputs_.push_back(same);
    }
  }

  // The arguments of backward: what forward gave, as types.
  static Arguments handed_over(const CustomVjpCall& call) {
    call.hand_over();
    Abstracter abstracter;
    call.backward.arguments(abstracter);
    return Arguments(call.backward);
  }

  bool is_cotangent(size_t leaf) const {
    const size_t cells = pulled_.leaves.cells.size();
    return leaf >= cells && leaf < cells + pulled_.leaves.arrays.size() && pulled_.leaves.array_paths[leaf - cells].front().index == 1;
  }
  void choose_residuals() {
    for (size_t leaf = 0; leaf < pulled_.size(); ++leaf)
      if (!is_cotangent(leaf)) residuals_.push_back(leaf);
  }

  // Where forward has a residual: an Array of its result, or a Variable or Number of the arguments.
  Value residual_value(size_t leaf) const {
    const Leaves &of = pulled_.leaves, &known = arguments_.leaves;
    const size_t cells = of.cells.size(), arrays = of.arrays.size();
    const auto input_of = [&](size_t index, size_t count, size_t offset) {
      if (index == count)
        fail(ErrorKind::structure, {.where = std::string(where), .message = fmt::format("the residual {} is of no argument", pulled_.leaf_text(leaf)),
                                    .hint = "residuals are Arrays and objects of the arguments"});
      return forward_.graph.inputs[offset + index];
    };
    if (leaf < cells)
      return input_of(static_cast<size_t>(std::ranges::find(known.cells, of.cells[leaf]) - known.cells.begin()), known.cells.size(), 0);
    if (leaf >= cells + arrays)
      return input_of(static_cast<size_t>(std::ranges::find(known.numbers, of.numbers[leaf - cells - arrays]) - known.numbers.begin()),
                      known.numbers.size(), known.cells.size() + known.arrays.size());
    Path path = of.array_paths[leaf - cells];
    path.front() = Key(int64_t{1});   // forward gives (result, residuals), backward takes (residuals, cotangents)
    const size_t o = find_result(forward_, path);
    check(o < forward_.outputs.size(), "a residual that forward does not give");
    return forward_.graph.outputs[o];
  }

  GraphRef backward_body(const std::vector<Type>& inputs, const std::vector<Type>& late) const {
    std::vector<Type> types;
    for (const size_t leaf : residuals_) types.push_back(pulled_.values[leaf].type());
    const size_t late_at = types.size();
    append(types, late);
    std::vector<std::optional<size_t>> position(function_.outputs.size());   // of the cotangent of each output
    for (const size_t o : outputs_) {
      const Type& type = function_.graph.type(function_.graph.outputs[o]);
      if (!is_floating(type.dtype)) continue;
      position[o] = types.size();
      types.push_back(type);
    }
    const auto body = [&](std::span<const Array> in) {
      Arrays given(pulled_.size());
      for (size_t k = 0; k < residuals_.size(); ++k) given[residuals_[k]] = in[k];
      for (size_t leaf = 0; leaf < given.size(); ++leaf) {
        if (!is_cotangent(leaf)) continue;
        const Path& path = pulled_.leaves.array_paths[leaf - pulled_.leaves.cells.size()];
        const size_t o = find_result(function_, Path(path.begin() + 1, path.end()));
        const Type& type = pulled_.values[leaf].type();
        given[leaf] = position[o] ? in[*position[o]] : zeros(type.shape, type.dtype);
      }
      append(given, in.subspan(late_at, late.size()));
      std::vector<size_t> gradients;
      for (size_t k = 0; k < backward_.results.size(); ++k) gradients.push_back(find_output(backward_, Output::Form::result, k));
      return gradients_for(inputs, nnx::apply(with_outputs(backward_.graph, gradients), given));
    };
    return std::make_shared<const Graph>(trace(types, body).graph);
  }

  // The gradient for every floating input of the op; zeros where backward gives none.
  Arrays gradients_for(const std::vector<Type>& inputs, const Arrays& given) const {
    const Leaves& leaves = arguments_.leaves;
    std::vector<bool> used(given.size(), false);
    Arrays out;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!is_floating(inputs[i].dtype)) continue;
      Path path;
      if (i < leaves.cells.size()) path = leaves.cell_paths[i];
      else if (i - leaves.cells.size() < leaves.arrays.size()) path = leaves.array_paths[i - leaves.cells.size()];
      out.push_back(zeros(inputs[i].shape, inputs[i].dtype));
      for (size_t k = 0; k < given.size(); ++k) {
        const Path target = single_ ? below(0, backward_.result_paths[k]) : backward_.result_paths[k];
        if (path.empty() || steps_of(target) != steps_of(path)) continue;
        used[k] = true;
        if (given[k].type() != inputs[i])
          fail(ErrorKind::shape, {.where = fmt::format("{}: the gradient of {}", where, arguments_.leaf_text(i)),
                                  .expected = inputs[i].to_string(), .got = given[k].type().to_string()});
        out.back() = given[k];
      }
    }
    for (size_t k = 0; k < given.size(); ++k)
      if (!used[k])
        fail(ErrorKind::structure, {.where = std::string(where), .message = fmt::format("backward gives a gradient at '{}', where the arguments have nothing to differentiate", to_string(backward_.result_paths[k]))});
    return out;
  }

  Arguments arguments_;
  TracedCall function_, forward_;
  Arguments pulled_;
  TracedCall backward_;
  bool single_;
  std::vector<size_t> outputs_, forward_outputs_, residuals_;
};

}  // namespace

void run_custom_vjp(const CustomVjpCall& call) { CustomVjp(call).run(); }

}  // namespace nnx::detail
