#include "ops/neural.h"

#include "ops/families.h"
#include "ops/neural_rules.h"

namespace nnx {

std::span<const OpDef* const> neural_ops() {
  static const std::vector<const OpDef*> ops = [] {
    std::vector<const OpDef*> list;
    for (const auto part : {activation_ops, normalization_ops, loss_ops})
      for (const OpDef* op : part()) list.push_back(op);
    return list;
  }();
  return ops;
}

}  // namespace nnx
