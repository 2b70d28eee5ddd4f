// The catalog lists every component and key that a config can name, from the registries and `fields` lists themselves.
//
//   catalog_text();                          // all names with one line of help each
//   explain("Dropout");                      // its arguments: types, defaults, ranges, help
//   explain("optimizer.learning_rate");      // a key, also one of a component
//   explain("78");                           // an exit code
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/registry.h"

namespace nnx {

struct CatalogSection {
  std::string what;  // "layer", "optimizer"
  const std::vector<ComponentDoc>* components;
};
std::vector<CatalogSection> catalog();

struct ExitCode {
  int code;
  const char* name;     // "config"
  const char* meaning;  // "the config is wrong"
  const char* advice;
};
const std::vector<ExitCode>& exit_codes();

// The keys of the trainer.
const std::vector<FieldDoc>& config_keys();

// The documentation of every key in a resolved config, by key path; components are looked up by their type.
std::map<std::string, const FieldDoc*> documented_keys(const ConfigNode& resolved);

// One line a component, under the name of its section; `only` keeps one section ("" for all).
std::string catalog_text(const std::string& only = "");
std::string catalog_json(const std::string& only = "");

// What is known of a component, of every section that has the name, of a config key or of an exit code. Throws
// ErrorKind::usage with the nearest name.
std::string explain(const std::string& name);
std::string explain_json(const std::string& name);
// All that explain() knows.
std::vector<std::string> explained_names();

}  // namespace nnx
