// A Graph compiled and run once, for tests that compare what plans give.
#pragma once

#include "plan/plan.h"

namespace nnx::test {

inline Arrays run(const Graph& graph, const Arrays& inputs, const PlanOptions& options) {
  const std::shared_ptr<Plan> plan = Plan::compile(graph, {}, options);
  std::vector<BufferRef> held, outputs(graph.outputs.size());
  for (const Array& a : inputs) held.push_back(a.buffer());
  std::vector<BufferRef*> holders;
  for (BufferRef& buffer : held) holders.push_back(&buffer);
  plan->run(holders, outputs);
  Arrays results;
  for (size_t o = 0; o < outputs.size(); ++o) results.emplace_back(graph.type(graph.outputs[o]), outputs[o]);
  return results;
}

}  // namespace nnx::test
