// Object graphs, States, GraphDefs, Graphs and Plans as indented text for people. Nothing is printed: the text is returned.
//
//   display(model)
//   -> MLP  # Param 669,706 (2.7 MB)
//        linear1: Linear  # Param 401,920 (1.6 MB)
//          kernel: Param f32[784,512] 1.6 MB  mean 1.2e-05 std 0.0357 min -0.0801 max 0.08
//          in_features: 784
//        head: ↪ linear1
//   std::fputs(display(*train_step.plan(), {.color = has_color(stdout)}).c_str(), stdout);
//
// A shared object is shown where it is met first, and as an arrow with that path afterwards; cycles are therefore
// finite. Traced values have no summary. nnx/html.h shows the same things as a page.
#pragma once

#include "base/terminal.h"
#include "nnx/functional.h"
#include "nnx/tree.h"

namespace nnx {

struct DisplayOptions {
  bool color = false;  // ANSI colours; has_color(stdout) says whether they are welcome
  bool values = true;  // what is in the arrays: up to six values, else a summary
};

// What is known of a model from its parts; `state` may lack values, and types need not be known to the program.
std::string display(const GraphDef& graphdef, const State& state, const DisplayOptions& options = {});
std::string display(const GraphDef& graphdef, const DisplayOptions& options = {});
std::string display(const State& state, const DisplayOptions& options = {});
std::string display_of(ModuleBase& module, const DisplayOptions& options = {});
template <class T> std::string display(const Ref<T>& module, const DisplayOptions& options = {}) {
  return display_of(*module, options);
}
std::string display(const Graph& graph, const DisplayOptions& options = {});
std::string display(const Plan& plan, const DisplayOptions& options = {});
std::string display(const TreeNode& tree, const DisplayOptions& options = {});

}  // namespace nnx
