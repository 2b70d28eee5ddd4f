#include "nnx/display.h"

#include <fmt/format.h>

#include "nnx/summary.h"
#include "nnx/tree.h"

namespace nnx {
namespace {

class Printer {
 public:
  explicit Printer(const DisplayOptions& options) : options_(options) {}

  std::string run(const TreeNode& root) {
    print(root, "");
    return std::move(out_);
  }

 private:
  void print(const TreeNode& node, const std::string& indent) {
    out_ += indent;
    if (!node.path.empty())
      out_ += node.path.back().to_string() + (node.form == TreeNode::Form::container && node.type.empty() ? "" : ": ");
    switch (node.form) {
      case TreeNode::Form::module:
      case TreeNode::Form::container: out_ += paint("1;36", node.type) + amounts_text(node); break;
      case TreeNode::Form::variable:
      case TreeNode::Form::array: out_ += paint("33", node.type) + leaf_text(node); break;
      case TreeNode::Form::fixed: out_ += to_string(node.value); break;
      case TreeNode::Form::none: out_ += "none"; break;
      case TreeNode::Form::shared:
        out_ += paint("35", "↪ " + (node.first_path.empty() ? node.type + " (the root)" : to_string(node.first_path)));
        break;
    }
    out_ += "\n";
    for (const TreeNode& child : node.children) print(child, indent + "  ");
  }

  std::string amounts_text(const TreeNode& node) const {
    std::string text;
    for (const auto& [kind, count] : node.amounts)
      text += fmt::format("{}{} {}", text.empty() ? "  # " : ", ", kind, count.to_string());
    return paint("2", text);
  }

  std::string leaf_text(const TreeNode& node) const {
    if (!node.leaf) return {};
    const Array& array = node.leaf->value;
    std::string text = fmt::format(" {} {}", array.type().to_string(), byte_text(array.type().bytes()));
    if (!node.leaf->tag.empty()) text += fmt::format("  tag {}", node.leaf->tag);
    if (!options_.values || !array.concrete()) return text;
    const std::string values = describe_values(array);
    return text + paint(values.ends_with("NON-FINITE") ? "1;31" : "2", "  " + values);
  }

  std::string paint(const char* style, const std::string& text) const {
    return options_.color && !text.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", style, text) : text;
  }

  DisplayOptions options_;
  std::string out_;
};

}  // namespace

std::string display(const GraphDef& graphdef, const State& state, const DisplayOptions& options) {
  return Printer(options).run(tree_of(graphdef, state));
}
std::string display(const GraphDef& graphdef, const DisplayOptions& options) {
  return display(graphdef, State(), options);
}
std::string display(const State& state, const DisplayOptions& options) { return Printer(options).run(tree_of(state)); }

std::string display_of(ModuleBase& module, const DisplayOptions& options) {
  const Split parts = split_states(module, {});
  return display(parts.graphdef, parts.states[0], options);
}

}  // namespace nnx
