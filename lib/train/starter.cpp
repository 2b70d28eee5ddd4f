#include "train/starter.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "config/scalar.h"
#include "config/write.h"
#include "data/csv.h"
#include "data/csv_tokenizer.h"
#include "train/catalog.h"

namespace nnx {
namespace {

constexpr size_t most_classes = 100;  // a target of more different whole numbers is a quantity

// What one column holds.
struct Column {
  std::string name;
  bool numbers = true, classes = true;  // every field is a number; a whole number from 0 on
  std::set<std::string> values = {};    // the different ones, until there are too many
};

struct Table {
  std::vector<Column> columns;
  int64_t rows = 0;
};

void look_at(std::string_view text, Column& column) {
  double number = 0;
  column.numbers = column.numbers && parse_number(text, number) == NumberStatus::good;
  column.classes = column.classes && column.numbers && number >= 0 && number == std::floor(number);
  if (column.values.size() <= most_classes) column.values.emplace(text);
}

Table scan(const StarterOptions& options) {
  ByteSource source(options.data);
  const char delimiter = options.delimiter == "\\t" ? '\t' : options.delimiter.empty() ? ',' : options.delimiter[0];
  CsvTokenizer row(source, delimiter);
  if (!row.next()) fail(ErrorKind::data, {.where = source.name(), .message = "there is no row"});
  Table table;
  for (size_t i = 0; i < row.size(); ++i) table.columns.push_back({.name = std::string(row[i])});
  while (row.next()) {
    ++table.rows;
    for (size_t i = 0; i < std::min(row.size(), table.columns.size()); ++i) look_at(row[i], table.columns[i]);
  }
  return table;
}

std::string quoted_name(const std::string& name) {
  return write_flow(ConfigNode::scalar(name, needs_quotes(name), {}, {}));
}

// The help of a key, as the comment behind it.
std::string help_for(std::string_view section, std::string_view name) {
  for (const FieldDoc& key : config_keys()) {
    if (section.empty() && key.name == name) return key.help;
    if (key.name != section) continue;
    for (const FieldDoc& inner : key.fields)
      if (inner.name == name) return inner.help;
  }
  fail(ErrorKind::internal, {.message = fmt::format("no key is called {}.{}", section, name)});
}

std::string line(const std::string& text, std::string_view section, std::string_view name) {
  return fmt::format("{:<58}  # {}\n", text, help_for(section, name));
}

}  // namespace

Starter starter_config(const StarterOptions& options) {
  const Table table = scan(options);
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  const auto target = std::ranges::find(table.columns, options.target, &Column::name);
  if (target == table.columns.end()) {
    const std::string near = nearest(options.target, names);
    fail(ErrorKind::usage, {.where = options.data.string(),
                            .message = fmt::format("there is no column {}", in_quotes(options.target)),
                            .hint = near.empty() ? fmt::format("its columns are {}", fmt::join(names, ", "))
                                                 : fmt::format("did you mean '{}'?", near)});
  }
  const bool labels = !target->numbers || (target->classes && target->values.size() <= most_classes);
  std::vector<std::string> ignored;
  for (const Column& column : table.columns)
    if (&column != &*target && !column.numbers) ignored.push_back(quoted_name(column.name));

  // The reader itself has the last word about the file.
  CsvOptions csv{.path = options.data.string(), .delimiter = options.delimiter};
  if (labels) csv.label = options.target;
  else csv.targets = {options.target};
  for (const Column& column : table.columns)
    if (&column != &*target && !column.numbers) csv.ignore.push_back(column.name);
  const Dataset data = read_csv(csv, "");

  Starter out{.task = labels ? "classification" : "regression",
              .rows = data.rows,
              .features = data.schema.features(),
              .classes = data.schema.classes};
  std::string train = fmt::format("{{type: csv, path: {}, {}: {}", quoted_name(options.data.string()),
                                  labels ? "label" : "targets",
                                  labels ? quoted_name(options.target) : "[" + quoted_name(options.target) + "]");
  if (!ignored.empty()) train += fmt::format(", ignore: [{}]", fmt::join(ignored, ", "));
  if (options.delimiter != ",") train += fmt::format(", delimiter: \"{}\"", options.delimiter);
  const int64_t outputs = labels ? out.classes : 1;
  const int64_t batch = std::clamp<int64_t>(out.rows / 20, 1, 64);

  std::string& y = out.yaml;
  y += fmt::format("# {} of {} from the {} other columns of {}, {} rows.\n", labels ? "Classification" : "Regression",
                   quoted_name(options.target), out.features, options.data.string(), out.rows);
  y += "# nnx-train --config THIS trains it; nnx-train explain KEY says more of a key.\n";
  if (!ignored.empty()) y += fmt::format("# Not numbers, and left out: {}\n", fmt::join(ignored, ", "));
  y += line("seed: 0", "", "seed") + "data:\n  # " + help_for("data", "train") + "\n  train: " + train + "}\n";
  y += line("  validation: 0.1", "data", "validation");
  y += line("  normalize: {standardize: true, per_feature: true}", "data", "normalize");
  y += line(fmt::format("  batch_size: {}", batch), "data", "batch_size");
  y += "\n# " + help_for("", "model") + "; `nnx-train layers` lists the layers\nmodel:\n  type: Sequential\n  layers:\n";
  y += fmt::format("    linear1: {{type: Linear, in_features: {}, out_features: 64}}\n", out.features);
  y += "    relu: relu\n    dropout: {type: Dropout, rate: 0.1}\n";
  y += fmt::format("    linear2: {{type: Linear, in_features: 64, out_features: {}}}\n\n", outputs);
  y += line(labels ? "loss: softmax_cross_entropy" : "loss: mse", "", "loss");
  y += line("optimizer: {type: adam, learning_rate: 1e-3}", "", "optimizer") + "train:\n";
  y += line("  epochs: 30", "train", "epochs");
  y += line("  early_stop: {patience: 5}", "train", "early_stop");
  return out;
}

std::string to_json(const Starter& starter) {
  return nlohmann::ordered_json{{"config", starter.yaml},
                                {"task", starter.task},
                                {"rows", starter.rows},
                                {"features", starter.features},
                                {"classes", starter.classes}}
             .dump(2) +
         "\n";
}

}  // namespace nnx
