// A PureDict is a State without kinds, tags and metadata: plain nested maps of Arrays, as other programs keep weights.
//
//   PureDict dict = to_pure_dict(state);        dict.at("linear1").at("kernel").array
//   replace_by_pure_dict(state, dict);          // every path must be one of the State's
//   update(model, PureDict{{"linear1", {{"bias", zeros({16})}}}});
#pragma once

#include "nnx/state.h"

namespace nnx {

struct PureDict {
  Array array = {};                         // of a leaf; undefined otherwise
  std::map<Key, PureDict> children = {};

  PureDict() = default;
  PureDict(Array value) : array(std::move(value)) {}
  PureDict(std::initializer_list<std::pair<const Key, PureDict>> items) : children(items.begin(), items.end()) {}
  const PureDict& at(const Key& key) const;   // throws ErrorKind::structure naming what there is
};

PureDict to_pure_dict(const State& state);
State state_from_pure_dict(const PureDict& dict);   // leaves of the base kind: merge and update take kinds from elsewhere
// Sets the leaves that `dict` names. A key of digits fits an index, as files have only names. Throws ErrorKind::structure
// for a path that the State has not.
void replace_by_pure_dict(State& state, const PureDict& dict);

}  // namespace nnx
