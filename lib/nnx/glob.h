// A Glob matches Paths, step by step: what selectors and filters write for places in a model.
//
//   Glob("blocks.*.kernel").matches(path)       Glob("**.bias")   Glob("blocks.{0,3}.attn")   Glob("block[2:6].**")
//
// Within a step `*` is any text, `{a,b}` one of several and `[2:6]` a number from 2 up to 5 (either end may be left
// out); the step `**` is any number of steps. A name of its own stands for itself.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nnx/path.h"

namespace nnx {

class Glob {
 public:
  explicit Glob(std::string_view text);   // throws ErrorKind::config for one that is not well formed
  bool matches(std::span<const Key> path) const;
  size_t steps() const { return steps_.size(); }

 private:
  bool matches_from(size_t step, std::span<const Key> path) const;
  std::vector<std::vector<std::string>> steps_;   // each a list of alternatives
};

}  // namespace nnx
