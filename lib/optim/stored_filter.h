// A StoredFilter is a Filter that a Module keeps: its text is a static attribute, so that GraphDefs can be compared,
// and objects that merge makes read it back with parse_filter.
//
//   StoredFilter mask = path("**.kernel");      f("mask", self.mask.text);      mask.get().matches(...)
#pragma once

#include <optional>

#include "nnx/filter.h"

namespace nnx::optim {

struct StoredFilter {
  std::string text = "...";

  StoredFilter() = default;
  StoredFilter(const Filter& filter) : text(filter.to_string()), filter_(filter) {}
  // Throws ErrorKind::config when only the text is left and it has no written form (a predicate).
  Filter get() const { return filter_ && filter_->to_string() == text ? *filter_ : parse_filter(text); }

 private:
  std::optional<Filter> filter_;
};

}  // namespace nnx::optim
