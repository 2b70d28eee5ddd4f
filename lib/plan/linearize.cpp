#include "plan/passes.h"

namespace nnx::plan {
namespace {

constexpr uint32_t unvisited = UINT32_MAX;

class Walk {
 public:
  explicit Walk(const Graph& graph) : graph_(graph), number_(graph.nodes.size(), unvisited) {
    for (const Value v : graph.inputs) out_.inputs.push_back({number(v.node), 0});
  }

  // An explicit stack: graphs of unrolled loops are deeper than a thread's stack.
  Value visit(Value value) {
    std::vector<std::pair<uint32_t, size_t>> stack{{value.node, 0}};
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      const std::vector<Value>& inputs = graph_.nodes[node].inputs;
      if (number_[node] == unvisited && next < inputs.size()) {
        const uint32_t input = inputs[next++].node;
        if (number_[input] == unvisited) stack.emplace_back(input, 0);
        continue;
      }
      if (number_[node] == unvisited) number(node);
      stack.pop_back();
    }
    return {number_[value.node], value.out};
  }

  Graph finish() {
    for (const Value v : graph_.outputs) out_.outputs.push_back(visit(v));
    for (const Guard& g : graph_.guards) out_.guards.push_back({visit(g.value), g.name});
    return std::move(out_);
  }

 private:
  uint32_t number(uint32_t node) {
    number_[node] = static_cast<uint32_t>(out_.nodes.size());
    out_.nodes.push_back(graph_.nodes[node]);
    for (Value& v : out_.nodes.back().inputs) v.node = number_[v.node];
    return number_[node];
  }

  const Graph& graph_;
  std::vector<uint32_t> number_;
  Graph out_;
};

}  // namespace

Graph linearize(const Graph& graph) { return Walk(graph).finish(); }

}  // namespace nnx::plan
