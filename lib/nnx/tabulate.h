// A table of the Modules of a model: one row each with its Variables, and how much each kind holds.
//
//   tabulate(model).to_string()
//   -> path     type    variables                          BatchStat    Param
//      .        MLP
//      linear1  Linear  bias f32[16], kernel f32[2,16]                  48 (192 B)
//      ...
//      Total                                               32 (128 B)   250 (1.0 KB)
//
// - A row counts what its Module holds itself, so that rows add up to the totals; what is shared counts where it is met
//   first. Random streams have no row: they count in the Module that holds them.
// - All kinds of random state are one column, and a key is one element, as in Flax.
#pragma once

#include <optional>

#include "nnx/functional.h"
#include "nnx/probe.h"
#include "nnx/tree.h"

namespace nnx {

struct TableRow {
  struct Held {
    std::string name;              // attribute, or a path through its lists and maps
    std::string type = {};         // f32[784,512]; empty for one that is shared
    std::string shared_with = {};  // the path where it has been met before
  };
  std::string path, type;            // the root's path is "."
  std::vector<Held> variables = {};  // in flatten order; random state is left out
  Amounts amounts = {};
  std::optional<CallRecord> call = {};  // see tabulate with inputs
};

struct Tabulation {
  std::vector<TableRow> rows;
  Amounts totals;
  Amount total() const;  // of all kinds
  bool has_calls() const;
  std::vector<std::vector<std::string>> cells() const;  // the header, a row a Module, the totals
  size_t first_number() const { return has_calls() ? 5 : 3; }  // the column from which cells hold numbers
  std::string to_string() const;
};

Tabulation tabulate(const GraphDef& graphdef, const State& state);
Tabulation tabulate_of(ModuleBase& module);
template <class T> Tabulation tabulate(const Ref<T>& module) { return tabulate_of(*module); }
// Also what goes in and out of each Module and its FLOPs, by one call on zeros of these types (see nnx/probe.h).
Tabulation tabulate_of(ModuleBase& module, const std::vector<Type>& inputs);
Tabulation tabulate_of(ModuleBase& module, const CallArguments& inputs, const CallKeywords& keywords);
template <class T> Tabulation tabulate(const Ref<T>& module, const std::vector<Type>& inputs) {
  return tabulate_of(*module, inputs);
}

// Lines of cells, each column as wide as its widest cell; the first row is the header and is underlined. Columns from
// `first_right` on are aligned to the right.
std::string align_columns(const std::vector<std::vector<std::string>>& rows, size_t first_right);

}  // namespace nnx
