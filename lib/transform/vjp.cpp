#include "transform/vjp.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/shape.h"
#include "transform/activity.h"
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

Flags flags_of(size_t count, const std::vector<int>& where) {
  Flags flags(count, false);
  for (const int i : where) flags[static_cast<size_t>(i)] = true;
  return flags;
}

ValueFlags active_values(const Graph& graph, const std::vector<int>& wrt, const std::vector<int>& of) {
  return active_values(graph, flags_of(graph.inputs.size(), wrt), flags_of(graph.outputs.size(), of));
}

bool is_active(const ValueFlags& active, uint32_t node) {
  return std::ranges::find(active[node], true) != active[node].end();
}

// The Graph with every active op that has no vjp rule expanded until all have one, in a numbering of its own.
Graph with_rules(const Graph& graph, const std::vector<int>& wrt, const std::vector<int>& of) {
  Graph g = renumbered(graph);
  for (;;) {
    const ValueFlags active = active_values(g, wrt, of);
    const auto lacks_rule = [&](uint32_t i) {
      const Node& node = g.nodes[i];
      return node.kind == NodeKind::op && is_active(active, i) && !node.op->vjp && !find_body_rule(*node.op);
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
    if (sum.defined() && ct.dtype() == DType::bf16)  // summed in f32
      sum = cast(nnx::add(cast(sum, DType::f32), cast(ct, DType::f32)), DType::bf16);
    else sum = sum.defined() ? nnx::add(sum, ct) : ct;
  }
  const Array& at(Value v) const { return of_node_[v.node][v.out]; }

  bool reached(uint32_t node) const {
    return std::ranges::any_of(of_node_[node], [](const Array& ct) { return ct.defined(); });
  }
  const Arrays& of(uint32_t node) const { return of_node_[node]; }

  // Adds what node `i` passes on to its active inputs.
  void pass_on(uint32_t i, const ValueFlags& active, const Arrays& passed) {
    const Node& node = graph_.nodes[i];
    if (passed.size() != node.inputs.size())
      fail(ErrorKind::internal, {.where = std::string(node.op->name) + " vjp",
                                 .expected = fmt::format("{} cotangents", node.inputs.size()),
                                 .got = std::to_string(passed.size())});
    for (size_t k = 0; k < passed.size(); ++k) {
      const Type& type = graph_.type(node.inputs[k]);
      if (!passed[k].defined() || !active[node.inputs[k].node][node.inputs[k].out]) continue;
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
  const ValueFlags active = active_values(g, wrt, of);

  TraceScope scope;
  Arrays inputs, seeds;
  for (const Type& type : g.input_types()) inputs.push_back(scope.input(type));
  for (const int o : of) seeds.push_back(scope.input(g.type(output_of(g, o))));
  std::vector<BodyVjp> bodies(g.nodes.size());   // of active nodes with bodies
  const Replay forward = replay(g, inputs, [&](uint32_t i, std::span<const Array> in) {
    const Node& node = g.nodes[i];
    const BodyRule* rule = find_body_rule(*node.op);
    if (!rule || !is_active(active, i)) return emit(*node.op, node.attrs, in);
    Flags of_inputs;
    for (const Value v : node.inputs) of_inputs.push_back(active[v.node][v.out]);
    bodies[i] = rule->vjp(node, in, of_inputs, active[i]);
    return bodies[i].outputs;
  });

  Cotangents cotangents(g);
  for (size_t k = 0; k < of.size(); ++k) cotangents.add(output_of(g, of[k]), seeds[k]);
  for (uint32_t i = static_cast<uint32_t>(g.nodes.size()); i-- > 0;) {
    const Node& node = g.nodes[i];
    if (node.kind != NodeKind::op || !is_active(active, i) || !cotangents.reached(i)) continue;
    const Arrays& ct = cotangents.of(i);
    Arrays in;
    for (const Value v : node.inputs) in.push_back(forward.at(v));
    cotangents.pass_on(i, active,
                       bodies[i].backward ? bodies[i].backward(ct)
                                          : node.op->vjp({.op = *node.op, .in = in, .out = forward.results[i], .ct = ct,
                                                          .attrs = node.attrs}));
  }

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
