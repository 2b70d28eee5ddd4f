#include "plan/bodies.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "ops/attrs.h"
#include "plan/branch_kernel.h"
#include "plan/loop_kernels.h"
#include "plan/program.h"

namespace nnx::plan {
namespace {

bool same_aliases(const std::vector<Alias>& a, const std::vector<Alias>& b) {
  return std::ranges::equal(a, b, [](const Alias& x, const Alias& y) {
    return x.output == y.output && x.input == y.input;
  });
}

BodyReport report_of(std::string name, int64_t iterations, const std::shared_ptr<Program>& program) {
  return {std::move(name), iterations, std::shared_ptr<const PlanReport>(program, &program->report)};
}

// Each of the first `carries` outputs may be written over its input, which comes after `constants` others.
std::vector<Alias> carry_aliases(int constants, int carries) {
  std::vector<Alias> aliases;
  for (int c = 0; c < carries; ++c) aliases.push_back({.output = c, .input = constants + c});
  return aliases;
}

BodyKernel make_scan(const Node& node, Bodies& bodies) {
  const auto& a = node.attrs.as<ScanAttrs>();
  const std::shared_ptr<Program> body = bodies.get(a.body, carry_aliases(a.constants, a.carries));
  return {std::make_unique<ScanKernel>(a, body), {report_of("body", a.length, body)}};
}

BodyKernel make_while(const Node& node, Bodies& bodies) {
  const auto& a = node.attrs.as<WhileAttrs>();
  const std::shared_ptr<Program> condition = bodies.get(a.condition, {});
  const int carries = static_cast<int>(node.types.size());
  const std::shared_ptr<Program> body = bodies.get(a.body, carry_aliases(a.body_constants, carries));
  return {std::make_unique<WhileKernel>(a, condition, body),
          {report_of("condition", -1, condition), report_of("body", -1, body)}};
}

BodyKernel make_switch(const Node& node, Bodies& bodies) {
  std::vector<std::shared_ptr<Program>> branches;
  BodyKernel result;
  for (const GraphRef& branch : node.attrs.as<SwitchAttrs>().branches) {
    branches.push_back(bodies.get(branch, {}));
    result.bodies.push_back(report_of(fmt::format("branch {}", branches.size() - 1), 1, branches.back()));
  }
  result.kernel = std::make_unique<BranchKernel>(std::move(branches), true);
  return result;
}

BodyKernel make_remat(const Node& node, Bodies& bodies) {
  const std::shared_ptr<Program> body = bodies.get(node.attrs.as<CallAttrs>().body, {});
  return {std::make_unique<BranchKernel>(std::vector{body}, false), {report_of("body", 1, body)}};
}

}  // namespace

Bodies::Bodies(PlanOptions options) : options_(options) {
  if (options_.threads <= 0) options_.threads = kernels::max_threads();
}

std::shared_ptr<Program> Bodies::get(const GraphRef& body, const std::vector<Alias>& aliases) {
  const uint64_t hash = hash_graph(*body);
  const auto [first, last] = programs_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const Entry& entry = it->second;
    if (!same_aliases(entry.aliases, aliases)) continue;
    if (entry.body == body || same_graph(*entry.body, *body)) return entry.program;
  }
  check(body->guards.empty(), "the body of an op holds a guard");
  auto program = Program::compile(*body, aliases, Outputs::written, *this);
  programs_.emplace(hash, Entry{body, aliases, program});
  return program;
}

bool runs_body(const OpDef& op) {
  return op.name == "scan" || op.name == "while_loop" || op.name == "switch" || op.name == "remat";
}

std::optional<size_t> carry_operand(const Node& node, uint32_t output) {
  if (node.op->name == "scan") {
    const auto& a = node.attrs.as<ScanAttrs>();
    if (output < static_cast<uint32_t>(a.carries)) return static_cast<size_t>(a.constants) + output;
  } else if (node.op->name == "while_loop") {
    const auto& a = node.attrs.as<WhileAttrs>();
    return static_cast<size_t>(a.condition_constants + a.body_constants) + output;
  }
  return std::nullopt;
}

BodyKernel make_body_kernel(const Node& node, Bodies& bodies) {
  if (node.op->name == "scan") return make_scan(node, bodies);
  if (node.op->name == "while_loop") return make_while(node, bodies);
  if (node.op->name == "switch") return make_switch(node, bodies);
  check(node.op->name == "remat", "an op without a body reached the plan of bodies");
  return make_remat(node, bodies);
}

}  // namespace nnx::plan
