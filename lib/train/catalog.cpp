#include "train/catalog.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "data/builtin.h"
#include "nn/layer.h"
#include "nn/losses.h"
#include "optim/optim.h"
#include "surgery/operation.h"
#include "train/train_config.h"

namespace nnx {
namespace {

std::string field_line(const FieldDoc& doc, const std::string& indent) {
  std::string line = fmt::format("{}{}: {}", indent, doc.name, doc.type);
  if (!doc.one_of.empty()) line += fmt::format(" ({})", fmt::join(doc.one_of, ", "));
  if (!doc.range.empty()) line += ", " + doc.range;
  if (doc.required) line += ", required";
  else if (!doc.default_value.empty()) line += ", default " + doc.default_value;
  if (!doc.help.empty()) line += " - " + doc.help;
  return line + "\n";
}

std::string fields_text(const std::vector<FieldDoc>& fields, const std::string& indent) {
  std::string text;
  for (const FieldDoc& field : fields) text += field_line(field, indent) + fields_text(field.fields, indent + "  ");
  return text;
}

// The key that a dotted path names, or null.
const FieldDoc* find_key(const std::vector<FieldDoc>& fields, std::string_view path) {
  const size_t dot = path.find('.');
  for (const FieldDoc& field : fields)
    if (field.name == path.substr(0, dot))
      return dot == path.npos ? &field : find_key(field.fields, path.substr(dot + 1));
  return nullptr;
}

}  // namespace

std::vector<CatalogSection> catalog() {
  return {{layers().what(), &layers().components()},
          {losses().what(), &losses().components()},
          {optimizers().what(), &optimizers().components()},
          {optim::schedules().what(), &optim::schedules().components()},
          {initializers().what(), &initializers().components()},
          {dataset_readers().what(), &dataset_readers().components()},
          {operations().what(), &operations().components()}};
}

std::string catalog_text(const std::string& only) {
  std::string text;
  for (const CatalogSection& section : catalog()) {
    if (!only.empty() && section.what != only) continue;
    text += fmt::format("{}:\n", section.what);
    for (const ComponentDoc& doc : *section.components) text += fmt::format("  {:28} {}\n", doc.name, doc.help);
  }
  return text;
}

std::string catalog_json(const std::string& only) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const CatalogSection& section : catalog()) {
    if (!only.empty() && section.what != only) continue;
    for (const ComponentDoc& doc : *section.components)
      json.push_back({{"kind", section.what}, {"name", doc.name}, {"help", doc.help}});
  }
  return json.dump(2) + "\n";
}

std::string explain(const std::string& name) {
  std::string text;
  std::vector<std::string> known;
  for (const CatalogSection& section : catalog())
    for (const ComponentDoc& doc : *section.components) {
      known.push_back(doc.name);
      if (doc.name == name)
        text += fmt::format("{} ({}): {}\n{}", doc.name, section.what, doc.help, fields_text(doc.fields, "  "));
    }
  const std::vector<FieldDoc> keys = describe_fields<TrainConfig>();
  if (const FieldDoc* key = find_key(keys, name)) text += field_line(*key, "") + fields_text(key->fields, "  ");
  if (!text.empty()) return text;
  const std::string near = nearest(name, known);
  fail(ErrorKind::usage,
       {.message = fmt::format("nothing is called {}", in_quotes(name)),
        .hint = near.empty() ? "'nnx-train layers' lists the layers" : fmt::format("did you mean '{}'?", near)});
}

}  // namespace nnx
