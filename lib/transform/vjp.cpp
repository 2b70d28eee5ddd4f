#include "transform/vjp.h"

#include <fmt/format.h>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/shape.h"
#include "transform/replay.h"

namespace nnx {
namespace {

void check_request(const Graph& graph, const std::vector<int>& wrt, const std::vector<int>& of) {
  const auto expect_float = [&](const std::vector<int>& list, const std::vector<Value>& values, std::string_view what) {
    for (const int i : list) {
      check(i >= 0 && static_cast<size_t>(i) < values.size(), "vjp of an input or output that the graph does not have");
      const Type& type = graph.type(values[static_cast<size_t>(i)]);
      if (!is_floating(type.dtype))
        fail(ErrorKind::shape,
             {.where = fmt::format("gradient: {} {}", what, i), .expected = "f32 or f64", .got = type.to_string()});
    }
  };
  expect_float(wrt, graph.inputs, "input");
  expect_float(of, graph.outputs, "output");
}

Value input_of(const Graph& graph, int i) { return graph.inputs[static_cast<size_t>(i)]; }
Value output_of(const Graph& graph, int i) { return graph.outputs[static_cast<size_t>(i)]; }

// A node is active when a gradient flows through it: it depends on an input of `wrt` and an output of `of` depends on
// it, both along floating values only.
std::vector<bool> active_nodes(const Graph& graph, const std::vector<int>& wrt, const std::vector<int>& of) {
  const auto carries = [&](Value v) { return is_floating(graph.type(v).dtype); };
  std::vector<bool> varies(graph.nodes.size(), false);
  for (const int i : wrt) varies[input_of(graph, i).node] = true;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind != NodeKind::op || !node.op->differentiable) continue;
    for (const Value v : node.inputs) varies[i] = varies[i] || (varies[v.node] && carries(v));
  }
  std::vector<bool> active(graph.nodes.size(), false);
  for (const int o : of) active[output_of(graph, o).node] = varies[output_of(graph, o).node];
  for (size_t i = graph.nodes.size(); i-- > 0;)
    if (active[i])
      for (const Value v : graph.nodes[i].inputs)
        if (varies[v.node] && carries(v)) active[v.node] = true;
  return active;
}

// The Graph with every active op that has no vjp rule expanded until all have one, in a numbering of its own.
Graph with_rules(const Graph& graph, const std::vector<int>& wrt, const std::vector<int>& of) {
  Graph g = renumbered(graph);
  for (;;) {
    const std::vector<bool> active = active_nodes(g, wrt, of);
    const auto lacks_rule = [&](uint32_t i) {
      return active[i] && g.nodes[i].kind == NodeKind::op && !g.nodes[i].op->vjp;
    };
    bool complete = true;
    for (uint32_t i = 0; i < g.nodes.size(); ++i) {
      if (!lacks_rule(i)) continue;
      complete = false;
      if (!g.nodes[i].op->expand)
        fail(ErrorKind::internal, {.where = std::string(g.nodes[i].op->name),
                                   .message = "cannot be differentiated: it has neither a vjp rule nor an expansion"});
    }
    if (complete) return g;
    const Traced expanded = trace(g.input_types(), [&](std::span<const Array> inputs) {
      return replay(g, inputs,
                    [&](uint32_t i, std::span<const Array> in) {
                      const Node& node = g.nodes[i];
                      return lacks_rule(i) ? replay_expansion(node, in) : emit(*node.op, node.attrs, in);
                    })
          .outputs(g);
    });
    g = renumbered(expanded.graph);
  }
}

// The cotangents of every value of a Graph, filled from the outputs to the inputs.
class Cotangents {
 public:
  explicit Cotangents(const Graph& graph) : graph_(graph) {
    for (const Node& node : graph.nodes) of_node_.emplace_back(node.types.size());
  }

  void add(Value v, const Array& ct) {
    Array& sum = of_node_[v.node][v.out];
    sum = sum.defined() ? nnx::add(sum, ct) : ct;
  }
  const Array& at(Value v) const { return of_node_[v.node][v.out]; }

  // Adds what node `i` passes on to its active inputs.
  void pull_back(uint32_t i, const std::vector<bool>& active, const Replay& forward) {
    const Node& node = graph_.nodes[i];
    bool reached = false;
    for (const Array& ct : of_node_[i]) reached = reached || ct.defined();
    if (!reached) return;
    Arrays in;
    for (const Value v : node.inputs) in.push_back(forward.at(v));
    const Arrays passed =
        node.op->vjp({.op = *node.op, .in = in, .out = forward.results[i], .ct = of_node_[i], .attrs = node.attrs});
    if (passed.size() != node.inputs.size())
      fail(ErrorKind::internal, {.where = std::string(node.op->name) + " vjp",
                                 .expected = fmt::format("{} cotangents", node.inputs.size()),
                                 .got = std::to_string(passed.size())});
    for (size_t k = 0; k < passed.size(); ++k) {
      const Type& type = graph_.type(node.inputs[k]);
      if (!passed[k].defined() || !active[node.inputs[k].node] || !is_floating(type.dtype)) continue;
      if (passed[k].type() != type)
        fail(ErrorKind::internal, {.where = fmt::format("{} vjp: cotangent {}", node.op->name, k),
                                   .expected = type.to_string(),
                                   .got = passed[k].type().to_string()});
      add(node.inputs[k], passed[k]);
    }
  }

 private:
  const Graph& graph_;
  std::vector<Arrays> of_node_;
};

}  // namespace

Graph vjp(const Graph& graph, const std::vector<int>& wrt, const std::vector<int>& of) {
  check_request(graph, wrt, of);
  const Graph g = with_rules(graph, wrt, of);
  const std::vector<bool> active = active_nodes(g, wrt, of);

  TraceScope scope;
  Arrays inputs, seeds;
  for (const Type& type : g.input_types()) inputs.push_back(scope.input(type));
  for (const int o : of) seeds.push_back(scope.input(g.type(output_of(g, o))));
  const Replay forward = replay(
      g, inputs, [&](uint32_t i, std::span<const Array> in) { return emit(*g.nodes[i].op, g.nodes[i].attrs, in); });

  Cotangents cotangents(g);
  for (size_t k = 0; k < of.size(); ++k) cotangents.add(output_of(g, of[k]), seeds[k]);
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;)
    if (active[i] && g.nodes[i].kind == NodeKind::op) cotangents.pull_back(i, active, forward);

  Arrays results = forward.outputs(g);
  for (const int i : wrt) {
    const Array& gradient = cotangents.at(input_of(g, i));
    const Type& type = g.type(input_of(g, i));
    results.push_back(gradient.defined() ? gradient : zeros(type.shape, type.dtype));
  }
  return scope.finish(results).graph;
}

Graph value_and_grad(const Graph& graph, const std::vector<int>& wrt) {
  const Type loss = graph.outputs.empty() ? Type{DType::boolean} : graph.type(graph.outputs[0]);
  if (!is_floating(loss.dtype) || loss.shape.rank() != 0)
    fail(ErrorKind::shape, {.where = "gradient",
                            .expected = "a loss that is a floating scalar",
                            .got = graph.outputs.empty() ? "no result" : loss.to_string()});
  const Graph backward = vjp(graph, wrt, {0});
  return trace(graph.input_types(),
               [&](std::span<const Array> in) {
                 Arrays arguments(in.begin(), in.end());
                 arguments.push_back(ones({}, loss.dtype));
                 return nnx::apply(backward, arguments);
               })
      .graph;
}

}  // namespace nnx
