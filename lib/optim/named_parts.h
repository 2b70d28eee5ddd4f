// NamedParts are transformations under names of their own: the attributes of a Chain or a Partition. The names come
// first in `fields`: what follows depends on them when an object is made from a GraphDef.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "optim/transformation.h"

namespace nnx::optim {

class NamedParts {
 public:
  using List = std::vector<std::pair<std::string, Ref<Transformation>>>;
  NamedParts() = default;
  // Throws ErrorKind::structure naming `owner` for a name that is empty, taken, or not made of letters, digits and `_`.
  NamedParts(const char* owner, const List& named);
  void visit(auto&& f) {
    f("names", text_);
    if (split_text_ != text_) take_names();
    for (size_t i = 0; i < parts_.size(); ++i) f(names_[i], parts_[i]);
  }
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<Ref<Transformation>>& parts() const { return parts_; }

 private:
  void take_names();
  std::string text_;        // "clip adam learning_rate"
  std::string split_text_;  // the text_ that names_ came from
  std::vector<std::string> names_;
  std::vector<Ref<Transformation>> parts_;
};

}  // namespace nnx::optim
