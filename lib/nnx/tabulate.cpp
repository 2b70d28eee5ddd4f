#include "nnx/tabulate.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/summary.h"
#include "ops/ops.h"

namespace nnx {
namespace {

bool is_random_stream(const TreeNode& node) {
  return node.form == TreeNode::Form::module && (node.type == "RngStream" || node.type == "Rngs");
}

std::string path_text(const Path& path) { return path.empty() ? "." : to_string(path); }

// Adds what `node` holds to the row of `owner`, and rows of their own for the Modules below it.
void collect(const TreeNode& node, const Path& owner, size_t row, std::vector<TableRow>& rows) {
  for (const TreeNode& child : node.children) {
    const std::string name =
        to_string(Path(child.path.begin() + static_cast<std::ptrdiff_t>(owner.size()), child.path.end()));
    if (child.form == TreeNode::Form::module && !is_random_stream(child)) {
      rows.push_back({.path = path_text(child.path), .type = child.type});
      collect(child, child.path, rows.size() - 1, rows);
    } else if (child.form == TreeNode::Form::shared && !is_random_stream(child)) {
      rows[row].variables.push_back({.name = name, .shared_with = path_text(child.first_path)});
    } else if (child.array.defined()) {
      for (const auto& [kind, count] : child.amounts) rows[row].amounts[kind].add(count);
      if (!child.amounts.contains("RngState"))
        rows[row].variables.push_back({name, child.array.type().to_string()});
    } else {
      collect(child, owner, row, rows);
    }
  }
}

std::string variables_text(const TableRow& row) {
  std::string text;
  for (const TableRow::Held& held : row.variables)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", held.name,
                        held.type.empty() ? "↪ " + held.shared_with : held.type);
  return text;
}

std::string types_text(const std::vector<Type>& types) {
  std::string text;
  for (const Type& type : types) text += (text.empty() ? "" : ", ") + type.to_string();
  return text;
}

// Columns on a terminal: one a code point, which is right for what appears here.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string align_columns(const std::vector<std::vector<std::string>>& rows, size_t first_right) {
  std::vector<size_t> widths(rows.at(0).size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string out;
  const auto add_line = [&](const auto& cell) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string text = cell(i), padding(widths[i] - width_of(text), ' ');
      line += (i ? "  " : "") + (i < first_right ? text + padding : padding + text);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  for (size_t r = 0; r < rows.size(); ++r) {
    add_line([&](size_t i) { return rows[r][i]; });
    if (r == 0) add_line([&](size_t i) { return std::string(widths[i], '-'); });
  }
  return out;
}

Amount Tabulation::total() const {
  Amount all;
  for (const auto& [kind, count] : totals) all.add(count);
  return all;
}

bool Tabulation::has_calls() const {
  return std::ranges::any_of(rows, [](const TableRow& row) { return row.call.has_value(); });
}

std::vector<std::vector<std::string>> Tabulation::cells() const {
  const bool with_calls = has_calls();
  std::vector<std::string> header{"path", "type", "variables"};
  if (with_calls) header.insert(header.end(), {"inputs", "outputs", "FLOPs"});
  for (const auto& [kind, count] : totals) header.push_back(kind);
  std::vector<std::vector<std::string>> cells{header};
  const auto add_row = [&](std::vector<std::string> row, const std::optional<CallRecord>& call,
                           const Amounts& amounts) {
    if (with_calls && call)
      row.insert(row.end(),
                 {types_text(call->inputs), types_text(call->outputs), grouped(static_cast<int64_t>(call->flops))});
    row.resize(with_calls ? 6 : 3);
    for (const auto& [kind, count] : totals) row.push_back(amounts.contains(kind) ? amounts.at(kind).to_string() : "");
    cells.push_back(std::move(row));
  };
  for (const TableRow& row : rows) add_row({row.path, row.type, variables_text(row)}, row.call, row.amounts);
  add_row({"Total"}, {}, totals);
  return cells;
}

std::string Tabulation::to_string() const {
  return align_columns(cells(), first_number()) + fmt::format("{} in all\n", total().to_string());
}

Tabulation tabulate(const GraphDef& graphdef, const State& state) {
  const TreeNode root = tree_of(graphdef, state);
  Tabulation table{.rows = {{.path = path_text({}), .type = root.type}}, .totals = root.amounts};
  collect(root, {}, 0, table.rows);
  return table;
}

Tabulation tabulate_of(ModuleBase& module) {
  const Split parts = split_states(module, {});
  return tabulate(parts.graphdef, parts.states[0]);
}

Tabulation tabulate_of(ModuleBase& module, const std::vector<Type>& inputs) {
  CallArguments arguments;
  for (const Type& type : inputs) arguments.push_back(zeros(type.shape, type.dtype));
  return tabulate_of(module, arguments, {});
}

Tabulation tabulate_of(ModuleBase& module, const CallArguments& inputs, const CallKeywords& keywords) {
  const std::map<std::string, CallRecord> records = record_calls(module, inputs, keywords);
  Tabulation table = tabulate_of(module);
  for (TableRow& row : table.rows)
    if (const auto found = records.find(row.path); found != records.end()) row.call = found->second;
  return table;
}

}  // namespace nnx
