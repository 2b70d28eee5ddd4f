#include "train/catalog.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>

#include "data/builtin.h"
#include "nn/layer.h"
#include "nn/losses.h"
#include "optim/optim.h"
#include "surgery/operation.h"
#include "train/train_config.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

std::string field_line(const FieldDoc& doc, const std::string& name) {
  std::string line = fmt::format("{}: {}", name, doc.type);
  if (!doc.one_of.empty()) line += fmt::format(" ({})", fmt::join(doc.one_of, ", "));
  if (!doc.range.empty()) line += ", " + doc.range;
  if (doc.required) line += ", required";
  else if (!doc.default_value.empty()) line += ", default " + doc.default_value;
  if (!doc.help.empty()) line += " - " + doc.help;
  return line + "\n";
}

std::string fields_text(const std::vector<FieldDoc>& fields, const std::string& indent) {
  std::string text;
  for (const FieldDoc& field : fields)
    text += field_line(field, indent + field.name) + fields_text(field.fields, indent + "  ");
  return text;
}

std::string plural(const std::string& what) { return what + (what.ends_with("s") ? "es" : "s"); }

bool is_component(const FieldDoc& doc) { return !doc.component.empty(); }

const std::vector<ComponentDoc>& components_of(const FieldDoc& key) {
  static const std::vector<ComponentDoc> none;
  for (const CatalogSection& section : catalog())
    if (section.what == key.component) return *section.components;
  return none;
}

// One meaning of a name: a component, or a key with the components it belongs to ("" for a key of the trainer).
struct Meaning {
  const ComponentDoc* component = nullptr;
  std::string section = {};
  const FieldDoc* key = nullptr;
  std::vector<std::string> owners = {};
};

void find_key(const std::vector<FieldDoc>& fields, std::string_view path, const std::string& owner,
              std::vector<Meaning>& out);

// The rest of a path below a component: a key of any component that may stand there. Below a map or list of components
// comes the name of one of them first.
void find_in_components(const FieldDoc& key, std::string_view path, std::vector<Meaning>& out) {
  if (key.type.starts_with("map of") || key.type.starts_with("list of")) {
    const size_t dot = path.find('.');
    if (dot == path.npos) return;
    path.remove_prefix(dot + 1);
  }
  for (const ComponentDoc& component : components_of(key)) find_key(component.fields, path, component.name, out);
}

void find_key(const std::vector<FieldDoc>& fields, std::string_view path, const std::string& owner,
              std::vector<Meaning>& out) {
  const size_t dot = path.find('.');
  for (const FieldDoc& field : fields) {
    if (field.name != path.substr(0, dot)) continue;
    if (dot != path.npos) {
      if (is_component(field)) find_in_components(field, path.substr(dot + 1), out);
      else find_key(field.fields, path.substr(dot + 1), owner, out);
      continue;
    }
    // Components that say the same of the key are listed together.
    const auto same = std::ranges::find_if(
        out, [&](const Meaning& m) { return m.key && field_line(*m.key, "") == field_line(field, ""); });
    if (same == out.end()) out.push_back({.key = &field, .owners = {owner}});
    else if (std::ranges::find(same->owners, owner) == same->owners.end()) same->owners.push_back(owner);
  }
}

const ExitCode* find_exit_code(const std::string& name) {
  for (const ExitCode& code : exit_codes())
    if (name == std::to_string(code.code) || name == code.name) return &code;
  return nullptr;
}

std::vector<Meaning> meanings_of(const std::string& name) {
  std::vector<Meaning> found;
  for (const CatalogSection& section : catalog())
    for (const ComponentDoc& doc : *section.components)
      if (doc.name == name) found.push_back({.component = &doc, .section = section.what});
  find_key(config_keys(), name, "", found);
  if (!found.empty() || find_exit_code(name)) return found;
  const std::string near = nearest(name, explained_names());
  fail(ErrorKind::usage,
       {.message = fmt::format("nothing is called {}", in_quotes(name)),
        .hint = near.empty() ? "'nnx-train layers --all' lists all components" : fmt::format("did you mean '{}'?", near)});
}

Json json_of(const std::vector<FieldDoc>& fields) {
  Json list = Json::array();
  for (const FieldDoc& field : fields)
    list.push_back({{"name", field.name},
                    {"type", field.type},
                    {"help", field.help},
                    {"required", field.required},
                    {"default", field.default_value},
                    {"range", field.range},
                    {"one_of", field.one_of},
                    {"fields", json_of(field.fields)}});
  return list;
}

void add_paths(const std::vector<FieldDoc>& fields, const std::string& above, std::vector<std::string>& out) {
  for (const FieldDoc& field : fields) {
    const std::string path = above + field.name;
    out.push_back(path);
    add_paths(field.fields, path + ".", out);
    // Layers hold layers: only the keys of components in a fixed place are listed.
    if (field.type != "component" || field.component == "layer") continue;
    for (const ComponentDoc& component : components_of(field))
      for (const FieldDoc& inner : component.fields) out.push_back(path + "." + inner.name);
  }
}

void document(const ConfigNode& node, const std::vector<FieldDoc>& fields,
              std::map<std::string, const FieldDoc*>& out);

void document_component(const ConfigNode& node, const FieldDoc& key, std::map<std::string, const FieldDoc*>& out) {
  const ConfigNode* type = node.find("type");
  if (!type) {  // a map or list of them
    for (const ConfigNode::Entry& entry : node.entries()) document_component(entry.value, key, out);
    for (const ConfigNode& item : node.items()) document_component(item, key, out);
    return;
  }
  for (const ComponentDoc& component : components_of(key))
    if (component.name == type->text()) document(node, component.fields, out);
}

void document(const ConfigNode& node, const std::vector<FieldDoc>& fields,
              std::map<std::string, const FieldDoc*>& out) {
  for (const FieldDoc& field : fields) {
    const ConfigNode* value = node.find(field.name);
    if (!value) continue;
    out.emplace(value->path().text(), &field);
    if (is_component(field)) document_component(*value, field, out);
    else document(*value, field.fields, out);
  }
}

}  // namespace

const std::vector<ExitCode>& exit_codes() {
  static const std::vector<ExitCode> codes = {
      {0, "ok", "done, also when a run was stopped early", ""},
      {1, "different", "nnx-train diff --exit-code found a difference", ""},
      {64, "usage", "the command line is wrong", "see nnx-train --help"},
      {65, "data", "a data file or a checkpoint is not what it should be", "the message names the file and the place"},
      {66, "missing", "an input file does not exist", "the message says where it was looked for"},
      {70, "failed", "a numeric failure (non-finite loss or gradient), or a defect of nnx",
       "lower the learning rate, or clip gradients (optimizer.clip_by_global_norm)"},
      {73, "cannot_create", "an output cannot be created", "output_dir=DIR chooses another place"},
      {74, "io", "reading or writing failed", "look at the disk: the run can be resumed with --resume auto"},
      {75, "busy", "another run holds the directory, or a signal asked to stop",
       "run the same command again with --resume auto"},
      {78, "config", "the config is wrong", "nnx-train validate checks it, nnx-train explain KEY says what a key takes"}};
  return codes;
}

const std::vector<FieldDoc>& config_keys() {
  static const std::vector<FieldDoc> keys = describe_fields<TrainConfig>();
  return keys;
}

std::map<std::string, const FieldDoc*> documented_keys(const ConfigNode& resolved) {
  std::map<std::string, const FieldDoc*> out;
  document(resolved, config_keys(), out);
  return out;
}

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
  Json json = Json::array();
  for (const CatalogSection& section : catalog()) {
    if (!only.empty() && section.what != only) continue;
    for (const ComponentDoc& doc : *section.components)
      json.push_back({{"kind", section.what}, {"name", doc.name}, {"help", doc.help}});
  }
  return json.dump(2) + "\n";
}

std::string explain(const std::string& name) {
  std::string text;
  for (const Meaning& meaning : meanings_of(name)) {
    if (meaning.component) {
      text += fmt::format("{} ({}): {}\n{}", name, meaning.section, meaning.component->help,
                          fields_text(meaning.component->fields, "  "));
      continue;
    }
    const bool own = meaning.owners[0].empty();
    text += field_line(*meaning.key, own ? name : fmt::format("{} ({})", name, fmt::join(meaning.owners, ", ")));
    text += fields_text(meaning.key->fields, "  ");
    if (!is_component(*meaning.key)) continue;
    std::vector<std::string> names;
    for (const ComponentDoc& component : components_of(*meaning.key)) names.push_back(component.name);
    if (!names.empty()) text += fmt::format("  one of the {}: {}\n", plural(meaning.key->component), fmt::join(names, ", "));
  }
  if (const ExitCode* code = find_exit_code(name)) {
    text += fmt::format("exit code {} ({}): {}\n", code->code, code->name, code->meaning);
    if (*code->advice) text += fmt::format("  {}\n", code->advice);
  }
  return text;
}

std::string explain_json(const std::string& name) {
  Json list = Json::array();
  for (const Meaning& meaning : meanings_of(name)) {
    if (meaning.component) {
      list.push_back({{"name", name},
                      {"kind", meaning.section},
                      {"help", meaning.component->help},
                      {"fields", json_of(meaning.component->fields)}});
    } else {
      Json key = json_of({*meaning.key})[0];
      key["name"] = name;
      key["kind"] = "key";
      if (!meaning.owners[0].empty()) key["of"] = meaning.owners;
      list.push_back(std::move(key));
    }
  }
  if (const ExitCode* code = find_exit_code(name))
    list.push_back({{"name", code->name}, {"kind", "exit code"}, {"code", code->code}, {"help", code->meaning}});
  return list.dump(2) + "\n";
}

std::vector<std::string> explained_names() {
  std::vector<std::string> names;
  for (const CatalogSection& section : catalog())
    for (const ComponentDoc& doc : *section.components) names.push_back(doc.name);
  add_paths(config_keys(), "", names);
  for (const ExitCode& code : exit_codes()) names.emplace_back(code.name);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace nnx
