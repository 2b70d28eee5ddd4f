#include "plan/steps.h"

#include <algorithm>

#include "plan/epilogue.h"
#include "plan/kernel_choice.h"
#include "plan/loop_program.h"

namespace nnx::plan {
namespace {

Argument argument(const Bound& bound, const View& view) {
  const auto element = static_cast<int64_t>(size_of(bound.graph.type(view.root).dtype));
  return {view.root, view.offset * element};
}

Step loop_step(const Bound& bound, const Group& group, int threads) {
  const LoopProgram program = loop_program(bound, group);
  Step step;
  step.kernel = make_loop_kernel(program, loop_threads(program.loop.dims.size(), threads));
  for (const View& view : program.inputs) step.arguments.push_back(argument(bound, view));
  for (const Value v : program.outputs) step.arguments.push_back({v, 0});
  return step;
}

Step matmul_step(const Bound& bound, const Group& group, int threads) {
  const Graph& graph = bound.graph;
  const auto is_dot = [&](uint32_t n) { return is_matmul(graph, graph.nodes[n]); };
  const uint32_t dot = *std::ranges::find_if(group.nodes, is_dot);
  const Node& node = graph.nodes[dot];
  const View lhs = bound.views.at(graph, node.inputs[0]), rhs = bound.views.at(graph, node.inputs[1]);
  kernels::MatmulSpec spec = matmul_spec(graph, node, lhs, rhs);
  const std::vector<uint32_t> chain(std::ranges::find(group.nodes, dot) + 1, group.nodes.end());
  const Epilogue epilogue = epilogue_of(bound, dot, chain);
  spec.bias = epilogue.bias.has_value();
  spec.residual = epilogue.residual.has_value();
  spec.activation = epilogue.activation;
  Step step;
  const double flops = 2.0 * static_cast<double>(spec.batch * spec.m * spec.n) * static_cast<double>(spec.k);
  step.kernel = kernels::make_matmul(spec, matmul_threads(flops, threads));
  step.arguments = {argument(bound, lhs), argument(bound, rhs)};
  if (epilogue.bias) step.arguments.push_back(argument(bound, bound.views.at(graph, *epilogue.bias)));
  if (epilogue.residual) step.arguments.push_back(argument(bound, bound.views.at(graph, *epilogue.residual)));
  step.arguments.push_back({group.outputs[0], 0});
  return step;
}

Step body_step(const Bound& bound, const Group& group, Bodies& bodies) {
  const Node& node = bound.graph.nodes[group.nodes[0]];
  BodyKernel made = make_body_kernel(node, bodies);
  Step step;
  step.kernel = std::move(made.kernel);
  step.report.bodies = std::move(made.bodies);
  for (const Value v : node.inputs) step.arguments.push_back(argument(bound, bound.views.at(bound.graph, v)));
  for (const Value v : group.outputs) step.arguments.push_back({v, 0});
  return step;
}

Step node_step(const Bound& bound, const Group& group, Bodies& bodies) {
  const Graph& graph = bound.graph;
  const Node& node = graph.nodes[group.nodes[0]];
  if (runs_body(*node.op)) return body_step(bound, group, bodies);
  std::vector<View> views;
  int64_t elements = 0;
  for (const Value v : node.inputs) {
    views.push_back(bound.views.at(graph, v));
    elements = std::max(elements, graph.type(v).size());
  }
  for (const Type& t : node.types) elements = std::max(elements, t.size());
  Step step;
  NodeKernel chosen = make_node_kernel(graph, node, views, loop_threads(elements, bodies.options().threads));
  step.kernel = std::move(chosen.kernel);
  step.report.fallback = chosen.fallback;
  for (const View& view : views) step.arguments.push_back(argument(bound, view));
  for (const Value v : group.outputs) step.arguments.push_back({v, 0});
  return step;
}

}  // namespace

Step make_step(const Bound& bound, const Group& group, Bodies& bodies) {
  const int threads = bodies.options().threads;
  Step step = group.kind == GroupKind::loop     ? loop_step(bound, group, threads)
              : group.kind == GroupKind::matmul ? matmul_step(bound, group, threads)
                                                : node_step(bound, group, bodies);
  StepReport& report = step.report;
  report.kernel = step.kernel->name();
  for (const uint32_t n : group.nodes) report.ops.emplace_back(bound.graph.nodes[n].op->name);
  for (const Value v : group.outputs) {
    report.result += (report.result.empty() ? "" : ", ") + bound.graph.type(v).to_string();
    report.aliased = report.aliased || std::ranges::any_of(bound.outputs, [&](const OutputBinding& o) {
                       return o.kind == OutputKind::aliased && o.root == v;
                     });
  }
  report.flops = step.kernel->flops();
  report.bytes = step.kernel->bytes();
  report.threads = step.kernel->threads();
  return step;
}

}  // namespace nnx::plan
