#include "nnx/display.h"

#include <fmt/format.h>

#include "nnx/summary.h"

namespace nnx {
namespace {

const char* style_of(TreeNode::Form form) {
  switch (form) {
    case TreeNode::Form::module:
    case TreeNode::Form::container:
    case TreeNode::Form::program: return "1;36";
    case TreeNode::Form::variable:
    case TreeNode::Form::array: return "33";
    case TreeNode::Form::operation: return "32";
    case TreeNode::Form::shared: return "35";
    case TreeNode::Form::fixed:
    case TreeNode::Form::none: break;
  }
  return "";
}

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
    out_ += paint(style_of(node.form), name_text(node));
    if (const std::string detail = detail_text(node); !detail.empty()) {
      const bool is_comment = detail.starts_with('#');
      out_ += is_comment ? paint("2", "  " + detail) : " " + detail;
    }
    out_ += values_text(node) + "\n";
    for (const TreeNode& child : node.children) print(child, indent + "  ");
  }

  std::string values_text(const TreeNode& node) const {
    if (!options_.values || !node.array.concrete()) return {};
    const std::string values = describe_values(node.array);
    return paint(values.ends_with("NON-FINITE") ? "1;31" : "2", "  " + values);
  }

  std::string paint(const char* style, const std::string& text) const {
    return options_.color && *style && !text.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", style, text) : text;
  }

  DisplayOptions options_;
  std::string out_;
};

}  // namespace

std::string display(const TreeNode& tree, const DisplayOptions& options) { return Printer(options).run(tree); }

std::string display(const GraphDef& graphdef, const State& state, const DisplayOptions& options) {
  return display(tree_of(graphdef, state), options);
}
std::string display(const GraphDef& graphdef, const DisplayOptions& options) {
  return display(graphdef, State(), options);
}
std::string display(const State& state, const DisplayOptions& options) { return display(tree_of(state), options); }
std::string display_of(ModuleBase& module, const DisplayOptions& options) { return display(tree_of(module), options); }
std::string display(const Graph& graph, const DisplayOptions& options) { return display(tree_of(graph), options); }
std::string display(const Plan& plan, const DisplayOptions& options) { return display(tree_of(plan), options); }

}  // namespace nnx
