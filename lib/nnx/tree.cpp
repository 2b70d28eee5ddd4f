#include "nnx/tree.h"

#include <fmt/format.h>

#include "nnx/functional.h"
#include "nnx/summary.h"

namespace nnx {
namespace {

void add_amounts(Amounts& to, const Amounts& from) {
  for (const auto& [kind, count] : from) to[kind].add(count);
}

Amounts amounts_of(const StateLeaf& leaf) {
  const Type& type = leaf.value.type();
  const bool is_random = leaf.kind->is_a(RngState::static_kind());
  // The words of a key are one element.
  const int64_t words = leaf.kind->is_a(RngKey::static_kind()) && type.shape.rank() > 0 ? type.shape.back() : 1;
  return {{is_random ? "RngState" : std::string(leaf.kind->name),
           {type.size() / std::max<int64_t>(words, 1), type.bytes()}}};
}

class TreeBuilder {
 public:
  TreeBuilder(const GraphDef& def, const State& state)
      : def_(def), state_(state), first_(def.nodes.size()), seen_(def.nodes.size()) {}

  TreeNode node(int index, const Path& path) {
    const auto i = static_cast<size_t>(index);
    const NodeDef& def = def_.nodes[i];
    if (seen_[i]) return {.form = TreeNode::Form::shared, .path = path, .first_path = first_[i], .type = type_of(def)};
    seen_[i] = true;
    first_[i] = path;
    if (def.form == NodeDef::Form::variable) return leaf(path, TreeNode::Form::variable, type_of(def));
    TreeNode out{.form = def.form == NodeDef::Form::module ? TreeNode::Form::module : TreeNode::Form::container,
                 .path = path,
                 .type = type_of(def)};
    for (const AttributeDef& a : def.attributes) {
      Path child = path;
      child.push_back(a.key);
      out.children.push_back(attribute(a, child));
      add_amounts(out.amounts, out.children.back().amounts);
    }
    return out;
  }

 private:
  static std::string type_of(const NodeDef& def) {
    switch (def.form) {
      case NodeDef::Form::module: return def.type->name;
      case NodeDef::Form::variable: return std::string(def.kind->name);
      case NodeDef::Form::list: return "list";
      case NodeDef::Form::map: return "map";
    }
    return {};
  }

  TreeNode attribute(const AttributeDef& a, const Path& path) {
    switch (a.form) {
      case AttributeDef::Form::none: return {.form = TreeNode::Form::none, .path = path};
      case AttributeDef::Form::node: return node(a.node, path);
      case AttributeDef::Form::array: return leaf(path, TreeNode::Form::array, "Array");
      case AttributeDef::Form::fixed:
      case AttributeDef::Form::number: return {.form = TreeNode::Form::fixed, .path = path, .value = a.value};
    }
    return {};
  }

  TreeNode leaf(const Path& path, TreeNode::Form form, std::string type) const {
    TreeNode out{.form = form, .path = path, .type = std::move(type)};
    if (!state_.contains(path)) return out;
    const StateLeaf& held = state_.at(path);
    out.array = held.value;
    out.tag = held.tag;
    out.amounts = amounts_of(held);
    return out;
  }

  const GraphDef& def_;
  const State& state_;
  std::vector<Path> first_;
  std::vector<bool> seen_;
};

// Puts a leaf below `root`, making the containers on its way. Paths come sorted, so only the last child can be shared.
void hang(TreeNode& root, const Path& path, const StateLeaf& leaf) {
  const Amounts amounts = amounts_of(leaf);
  TreeNode* at = &root;
  add_amounts(at->amounts, amounts);
  for (size_t depth = 1; depth < path.size(); ++depth) {
    const Path prefix(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth));
    if (at->children.empty() || at->children.back().path != prefix)
      at->children.push_back({.form = TreeNode::Form::container, .path = prefix});
    at = &at->children.back();
    add_amounts(at->amounts, amounts);
  }
  at->children.push_back({.form = TreeNode::Form::variable,
                          .path = path,
                          .type = std::string(leaf.kind->name),
                          .array = leaf.value,
                          .tag = leaf.tag,
                          .amounts = amounts});
}

}  // namespace

std::string Amount::to_string() const { return fmt::format("{} ({})", grouped(elements), byte_text(bytes)); }

TreeNode tree_of(const GraphDef& graphdef, const State& state) {
  return graphdef.nodes.empty() ? TreeNode{} : TreeBuilder(graphdef, state).node(0, {});
}

TreeNode tree_of(const State& state) {
  TreeNode root{.form = TreeNode::Form::container, .type = "State"};
  for (const auto& [path, leaf] : state) hang(root, path, leaf);
  return root;
}

TreeNode tree_of(ModuleBase& module) {
  const Split parts = split_states(module, {});
  return tree_of(parts.graphdef, parts.states[0]);
}

std::string name_text(const TreeNode& node) {
  switch (node.form) {
    case TreeNode::Form::fixed: return to_string(node.value);
    case TreeNode::Form::none: return "none";
    case TreeNode::Form::shared:
      return "↪ " + (node.first_path.empty() ? node.type + " (the root)" : to_string(node.first_path));
    default: return node.type;
  }
}

std::string detail_text(const TreeNode& node) {
  if (node.form == TreeNode::Form::program) return "# " + node.detail;
  if (node.form == TreeNode::Form::operation) return node.detail;
  if (node.array.defined())
    return fmt::format("{} {}{}", node.array.type().to_string(), byte_text(node.array.type().bytes()),
                       node.tag.empty() ? "" : "  tag " + node.tag);
  std::string parts;
  Amount all;
  for (const auto& [kind, count] : node.amounts) {
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", kind, count.to_string());
    all.add(count);
  }
  if (node.amounts.empty()) return {};
  return node.amounts.size() == 1 ? "# " + parts : fmt::format("# {}: {}", all.to_string(), parts);
}

}  // namespace nnx
