// The catalog lists every component that a config can name, from the registries themselves.
//
//   catalog_text();                  // all names with one line of help each
//   explain("Dropout");              // its arguments: types, defaults, ranges, help
#pragma once

#include <string>
#include <vector>

#include "config/registry.h"

namespace nnx {

struct CatalogSection {
  std::string what;  // "layer", "optimizer"
  const std::vector<ComponentDoc>* components;
};
std::vector<CatalogSection> catalog();

// One line a component, under the name of its section; `only` keeps one section ("" for all).
std::string catalog_text(const std::string& only = "");
std::string catalog_json(const std::string& only = "");
// What is known of a component, of every section that has the name, or of a config key ("data.batch_size"). Throws
// ErrorKind::usage with the nearest name.
std::string explain(const std::string& name);

}  // namespace nnx
