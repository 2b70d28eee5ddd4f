// A Selector is what an operation is meant for: a filter over the Modules or the Variables of a model, written as one
// (config/selector_text.h, nnx/filter.h), that must match something, with every part of it.
//
//   const Selector selector = read_selector(node, diagnostics);
//   for (size_t i : select_modules(anatomy, selector, diagnostics)) anatomy.modules[i] ...
//
// - Where Modules are chosen, a path is that Module; where Variables are, it is all that lies there and below.
// - A type is the Module's own, or of the Module that holds the Variable; types that derive from it count.
// - A path, type or pattern that matches nothing by itself is an error that lists what there is, also inside a list or
//   an exclusion; a kind or tag that is only excluded need not exist.
#pragma once

#include "config/selector_text.h"
#include "surgery/anatomy.h"

namespace nnx {

struct Selector {
  std::string text;
  Filter filter = nothing();
  struct Part {
    SelectorPart written;
    Filter filter;
  };
  std::vector<Part> parts;   // the names and patterns it is made of
  ConfigNode node;
};

// Reports what cannot be read and throws ConfigError then. Names of layers are types, whether the model has one or not.
Selector read_selector(const ConfigNode& node, Diagnostics& diagnostics);

// Indices into the anatomy, in its order; none only for an `optional` selector.
std::vector<size_t> select_modules(const Anatomy& anatomy, const Selector& selector, Diagnostics& diagnostics, bool optional = false);
std::vector<size_t> select_variables(const Anatomy& anatomy, const Selector& selector, Diagnostics& diagnostics, bool optional = false);

bool matches(const Selector& selector, const ModulePlace& place, const Path& path);
bool matches(const Selector& selector, const VariablePlace& place, const Path& path);

}  // namespace nnx
