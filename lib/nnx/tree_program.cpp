// Trees of Graphs and Plans: their operations, one a line.
#include <fmt/format.h>

#include "nnx/summary.h"
#include "nnx/tree.h"

namespace nnx {
namespace {

std::string flops_text(double flops) {
  if (flops >= 1e9) return fmt::format("{:.1f} GFLOP", flops / 1e9);
  if (flops >= 1e6) return fmt::format("{:.1f} MFLOP", flops / 1e6);
  if (flops >= 1e3) return fmt::format("{:.1f} kFLOP", flops / 1e3);
  return fmt::format("{:.0f} FLOP", flops);
}

std::string counted(size_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

std::string size_text(double bytes) { return byte_text(static_cast<size_t>(bytes)); }

template <class Range, class Text>
std::string joined(const Range& range, const char* separator, const Text& text) {
  std::string out;
  for (const auto& item : range) out += (out.empty() ? "" : separator) + std::string(text(item));
  return out;
}

std::string value_text(const Graph& graph, Value v) {
  return graph.nodes[v.node].types.size() > 1 ? fmt::format("%{}.{}", v.node, v.out) : fmt::format("%{}", v.node);
}

TreeNode node_of(const Graph& graph, size_t index) {
  const Node& node = graph.nodes[index];
  TreeNode out{.form = TreeNode::Form::operation, .path = {fmt::format("%{}", index)}};
  const std::string types = joined(node.types, ", ", [](const Type& t) { return t.to_string(); });
  switch (node.kind) {
    case NodeKind::input: out.type = "input"; break;
    case NodeKind::constant:
      out.type = "constant";
      out.array = Array(node.types[0], node.constant);
      break;
    case NodeKind::op: out.type = node.op->name; break;
  }
  out.detail = types;
  if (!node.inputs.empty())
    out.detail += fmt::format("  ({})", joined(node.inputs, ", ", [&](Value v) { return value_text(graph, v); }));
  if (!node.attrs.empty()) out.detail += "  " + node.attrs.to_string();
  return out;
}

// The name of a fused kernel lists its ops; they are at the end of the line anyway.
std::string kernel_text(const StepReport& step) {
  return step.kernel.starts_with("fused[") ? "fused loop" : step.kernel;
}

TreeNode step_of(const StepReport& step, size_t index);

// The plan of a body, below the step that runs it.
TreeNode body_of(const BodyReport& body) {
  const std::string times = body.iterations < 0 ? "until it ends" : counted(static_cast<size_t>(body.iterations), "time");
  TreeNode out{.form = TreeNode::Form::operation,
               .path = {Key(body.name)},
               .type = counted(body.plan->steps.size(), "step"),
               .detail = "run " + times};
  for (size_t i = 0; i < body.plan->steps.size(); ++i) out.children.push_back(step_of(body.plan->steps[i], i));
  return out;
}

TreeNode step_of(const StepReport& step, size_t index) {
  const std::string ops = joined(step.ops, " ", [](const std::string& op) { return op; });
  TreeNode out{.form = TreeNode::Form::operation,
          .path = {Key(static_cast<int64_t>(index))},
          .type = kernel_text(step),
          .detail = fmt::format("{}  {}  {}{}{}{}{}", step.result, size_text(step.bytes), flops_text(step.flops),
                                step.threads > 1 ? fmt::format("  {} threads", step.threads) : "",
                                step.aliased ? "  in place" : "", step.fallback ? "  REFERENCE KERNEL" : "",
                                ops == step.kernel ? "" : "  " + ops)};
  for (const BodyReport& body : step.bodies) out.children.push_back(body_of(body));
  return out;
}

TreeNode line_of(std::string name, std::string type, std::string detail = {}) {
  return {.form = TreeNode::Form::operation,
          .path = {Key(name)},
          .type = std::move(type),
          .detail = std::move(detail)};
}

}  // namespace

TreeNode tree_of(const Graph& graph) {
  TreeNode root{.form = TreeNode::Form::program, .type = "Graph"};
  root.detail = fmt::format("{}, {}, {}", counted(graph.nodes.size(), "node"), counted(graph.inputs.size(), "input"),
                            counted(graph.outputs.size(), "output"));
  for (size_t i = 0; i < graph.nodes.size(); ++i) root.children.push_back(node_of(graph, i));
  for (const Guard& guard : graph.guards)
    root.children.push_back(line_of("guard", value_text(graph, guard.value), in_quotes(guard.name)));
  root.children.push_back(
      line_of("return", joined(graph.outputs, ", ", [&](Value v) { return value_text(graph, v); })));
  return root;
}

TreeNode tree_of(const Plan& plan) {
  const PlanReport& report = plan.report();
  TreeNode root{.form = TreeNode::Form::program, .type = "Plan"};
  for (size_t i = 0; i < report.steps.size(); ++i) root.children.push_back(step_of(report.steps[i], i));
  root.detail = fmt::format("{}, up to {}, {}, {} moved, {} on reference kernels",
                            counted(report.steps.size(), "step"),
                            counted(static_cast<size_t>(report.threads), "thread"), flops_text(report.flops), size_text(report.bytes),
                            report.fallbacks);
  root.children.push_back(line_of("arena", byte_text(report.arena_bytes),
                                  fmt::format("alive at once {}", byte_text(report.live_bytes))));
  root.children.push_back(line_of("constants", byte_text(report.constant_bytes)));
  root.children.push_back(line_of("inputs", byte_text(report.input_bytes)));
  root.children.push_back(line_of("outputs", byte_text(report.output_bytes)));
  for (const std::string& alias : report.copied_aliases)
    root.children.push_back(line_of("copied, not in place", alias));
  return root;
}

}  // namespace nnx
