// Object graphs, States, GraphDefs, Graphs and Plans as one web page that needs nothing else: a tree that opens and
// closes, pictures of the arrays, links between shared objects, a search box.
//
//   std::ofstream("model.html") << display_html(model, "my model");
//
//   HtmlPage page("runs/mlp, step 1,200");
//   page.add("Model", tree_of(graphdef, state));
//   page.add("Layers", tabulate(graphdef, state));
//   page.to_string();
//
// A page stays below a megabyte for a model of hundreds of layers: arrays share what is left of it, each as a sample of
// its elements (nnx/array_sample.h). The page itself is page.html; names and values reach it as data, never as markup.
#pragma once

#include <variant>

#include "nnx/functional.h"
#include "nnx/tabulate.h"
#include "nnx/tree.h"

namespace nnx {

class HtmlPage {
 public:
  explicit HtmlPage(std::string title) : title_(std::move(title)) {}
  void add(std::string heading, TreeNode tree) { sections_.push_back({std::move(heading), std::move(tree)}); }
  void add(std::string heading, Tabulation table) { sections_.push_back({std::move(heading), std::move(table)}); }
  std::string to_string() const;

 private:
  struct Section {
    std::string heading;
    std::variant<TreeNode, Tabulation> content;
  };
  std::string title_;
  std::vector<Section> sections_;
};

std::string display_html(TreeNode tree, const std::string& title = "nnx");
inline std::string display_html(const GraphDef& graphdef, const State& state, const std::string& title = "nnx") {
  return display_html(tree_of(graphdef, state), title);
}
inline std::string display_html(const GraphDef& graphdef, const std::string& title = "nnx") {
  return display_html(tree_of(graphdef, State()), title);
}
inline std::string display_html(const State& state, const std::string& title = "nnx") {
  return display_html(tree_of(state), title);
}
template <class T> std::string display_html(const Ref<T>& module, const std::string& title = "nnx") {
  return display_html(tree_of(*module), title);
}
inline std::string display_html(const Graph& graph, const std::string& title = "nnx") {
  return display_html(tree_of(graph), title);
}
inline std::string display_html(const Plan& plan, const std::string& title = "nnx") {
  return display_html(tree_of(plan), title);
}

}  // namespace nnx
