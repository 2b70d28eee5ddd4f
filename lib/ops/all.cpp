#include "ops/all.h"

#include <unordered_map>

#include "ops/families.h"

namespace nnx {

std::span<const OpDef* const> all_ops() {
  static const std::vector<const OpDef*> ops = [] {
    std::vector<const OpDef*> list;
    for (const auto family :
         {elementwise_ops, reduce_ops, shape_ops, contraction_ops, linalg_ops, index_ops, random_ops,
          neural_ops, loop_ops})
      for (const OpDef* op : family()) list.push_back(op);
    return list;
  }();
  return ops;
}

const OpDef* find_op(std::string_view name) {
  static const std::unordered_map<std::string_view, const OpDef*> by_name = [] {
    std::unordered_map<std::string_view, const OpDef*> map;
    for (const OpDef* op : all_ops()) check(map.emplace(op->name, op).second, "two ops have one name");
    return map;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace nnx
