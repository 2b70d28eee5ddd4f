#include "nnx/mapped.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nnx/rngs.h"
#include "ops/ops.h"

namespace nnx::detail {
namespace {

// The path that filters see: a State is a map whose keys are whole paths.
Path filter_path(const Path& path) {
  Path out;
  for (const Key& key : path) {
    if (key.name.find('.') == std::string::npos) out.push_back(key);
    else std::ranges::copy(parse_path(key.name), std::back_inserter(out));
  }
  return out;
}

// The type of the innermost Module above a path.
const ModuleType* holder_of(const Leaves& leaves, const Path& path) {
  const ModuleType* holder = nullptr;
  size_t longest = 0;
  for (size_t i = 0; i < leaves.modules.size(); ++i) {
    const Path& above = leaves.module_paths[i];
    if (above.size() >= path.size() || above.size() < longest || !std::equal(above.begin(), above.end(), path.begin())) continue;
    holder = &leaves.modules[i]->type();
    longest = above.size();
  }
  return holder;
}

// `leaves` are those that the path is of.
Axis axis_of_cell(const LaneAxes& axes, const Leaves& leaves, const Path& path, const Cell& cell, std::string_view where) {
  const VariableKind& kind = cell.kind ? *cell.kind : Variable::base_kind();
  return axis_of(axes, {path, kind, cell.tag, &cell.metadata, holder_of(leaves, path)}, where);
}

void expect_consistent(const LaneAxes& axes, const Leaves& leaves, std::string_view where) {
  // Every later path of a Variable: its own, and those through Modules that are reached again.
  std::vector<std::pair<Path, size_t>> aliases = leaves.cell_aliases;
  for (const auto& [path, module] : leaves.module_aliases) {
    const Path& above = leaves.module_paths[module];
    for (size_t i = 0; i < leaves.cells.size(); ++i) {
      const Path& first = leaves.cell_paths[i];
      if (first.size() <= above.size() || !std::equal(above.begin(), above.end(), first.begin())) continue;
      aliases.emplace_back(path, i);
      std::copy(first.begin() + static_cast<std::ptrdiff_t>(above.size()), first.end(), std::back_inserter(aliases.back().first));
    }
  }
  std::vector<std::string> nodes;
  for (const auto& [path, index] : aliases) {
    const Cell& cell = *leaves.cells[index];
    const Path& first = leaves.cell_paths[index];
    const Axis one = axis_of_cell(axes, leaves, first, cell, where), other = axis_of_cell(axes, leaves, path, cell, where);
    if (one != other)
      nodes.push_back(fmt::format("{}: {} ({}), {} ({})", cell.kind ? cell.kind->name : "Variable", argument_text(first),
                                  one.to_string(), argument_text(path), other.to_string()));
  }
  if (!nodes.empty())
    fail(ErrorKind::structure, {.where = std::string(where),
                                .message = fmt::format("Inconsistent aliasing detected. The following nodes have different axes: {}",
                                                       fmt::join(nodes, "; ")),
                                .hint = "give one object one axis"});
}

}  // namespace

MappedArguments::MappedArguments(std::string_view transform, const LiftedCall& call, const std::vector<LaneAxes>& all_axes)
    : where(transform), arguments(call), in_axes(listed(all_axes, call.argument_count, transform, "arguments")) {
  const Leaves& leaves = arguments.leaves;
  expect_consistent(in_axes, leaves, where);
  for (size_t i = 0; i < leaves.cells.size(); ++i) axes.push_back(axis_of_cell(in_axes, leaves, leaves.cell_paths[i], *leaves.cells[i], where));
  for (const Path& path : leaves.array_paths) axes.push_back(axis_of(in_axes, {filter_path(path), Variable::base_kind(), ""}, where));
  axes.resize(arguments.size(), no_axis);   // Numbers

  for (ModuleBase* module : leaves.modules) {
    const auto* stream = dynamic_cast<const RngStream*>(module);
    if (!stream || !stream->key || !stream->count) continue;
    const auto index = [&](const Variable& v) {
      return static_cast<size_t>(std::ranges::find(leaves.cells, v.cell().get()) - leaves.cells.begin());
    };
    const SplitStream split{index(stream->key), index(stream->count)};
    if (axes[split.key].mapped() && arguments.values[split.key].rank() == 1) streams.push_back(split);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!axes[i].mapped() || is_split_key(i) || is_split_count(i)) continue;
    const Array& value = arguments.values[i];
    axes[i].index = checked_axis(axes[i].index, value.rank(), where, arguments.leaf_text(i));
    const int64_t lanes = value.dim(axes[i].index);
    if (!size) size = lanes, sized_by = i;
    if (*size != lanes)
      fail(ErrorKind::shape, {.where = where, .message = fmt::format("mapped axes have different sizes: {} has {}, {} has {}",
                                                                     arguments.leaf_text(sized_by), *size, arguments.leaf_text(i), lanes)});
  }
}

bool MappedArguments::is_split_key(size_t leaf) const {
  return std::ranges::any_of(streams, [&](const SplitStream& s) { return s.key == leaf; });
}
bool MappedArguments::is_split_count(size_t leaf) const {
  return std::ranges::any_of(streams, [&](const SplitStream& s) { return s.count == leaf; });
}

int64_t MappedArguments::resolved_size(std::optional<int64_t> given, std::string_view option) const {
  if (given && size && *given != *size)
    fail(ErrorKind::shape, {.where = where, .message = fmt::format("{} is {}, but {} has {}", option, *given, arguments.leaf_text(sized_by), *size)});
  if (given && *given < 0)
    fail(ErrorKind::shape, {.where = where, .expected = fmt::format("{} of at least 0", option), .got = std::to_string(*given)});
  if (!given && !size)
    fail(ErrorKind::shape, {.where = where, .message = "nothing is mapped, so the size is not known", .hint = fmt::format("give {}", option)});
  return given ? *given : *size;
}

std::vector<Type> MappedArguments::lane_types() const {
  std::vector<Type> types = arguments.types();
  for (size_t i = 0; i < types.size(); ++i)
    if (axes[i].mapped() && !is_split_key(i) && !is_split_count(i)) types[i].shape = types[i].shape.without(axes[i].index);
  return types;
}

Arrays MappedArguments::lanes(int64_t lane_count) const {
  Arrays out = arguments.values;
  for (size_t i = 0; i < out.size(); ++i)
    if (axes[i].mapped() && !is_split_key(i) && !is_split_count(i)) out[i] = moveaxis(out[i], axes[i].index, 0);
  for (const SplitStream& s : streams) {
    const Array drawn = random::fold_in(out[s.key], out[s.count]);
    out[s.key] = random::split(drawn, lane_count);
    out[s.count] = scalar<uint32_t>(0);
  }
  return out;
}

bool MappedArguments::has_axis(size_t leaf) const { return axes[leaf].mapped() && !is_split_count(leaf); }

void MappedArguments::restore_streams() const {
  for (const SplitStream& s : streams) Variable(arguments.cells[s.count]).set(arguments.values[s.count] + 1);
}

Axis MappedArguments::axis_of_output(const TracedCall& traced, const Output& output, const LaneAxes& out_axes) const {
  switch (output.form) {
    case Output::Form::cell: return axes[output.index];
    case Output::Form::array: return axes[arguments.leaves.cells.size() + output.index];
    case Output::Form::result:
      return axis_of(out_axes, {filter_path(traced.result_paths[output.index]), Variable::base_kind(), ""}, where);
    case Output::Form::new_cell: {
      const NewCell& made = traced.new_cells[output.index];
      return made.in_result ? axis_of_cell(out_axes, traced.result_leaves, made.path, *made.cell, where)
                            : axis_of_cell(in_axes, traced.after_leaves, made.path, *made.cell, where);
    }
  }
  return no_axis;
}

std::string MappedArguments::output_text(const TracedCall& traced, const Output& output) const {
  const auto in_result = [](const Path& path) {
    return path.empty() ? std::string("the result") : fmt::format("'{}' of the result", to_string(path));
  };
  switch (output.form) {
    case Output::Form::cell: return arguments.leaf_text(output.index);
    case Output::Form::array: return arguments.leaf_text(arguments.leaves.cells.size() + output.index);
    case Output::Form::result: return in_result(traced.result_paths[output.index]);
    case Output::Form::new_cell: {
      const NewCell& made = traced.new_cells[output.index];
      return made.in_result ? in_result(made.path) : argument_text(made.path);
    }
  }
  return {};
}

LaneAxes result_axes(const std::vector<LaneAxes>& out_axes, const ResultSlot& result, std::string_view where) {
  if (out_axes.size() == 1) return out_axes[0];
  return listed(out_axes, result.elements, where, "elements of the result");
}

}  // namespace nnx::detail
