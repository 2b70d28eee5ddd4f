// A Plan computes what reference::evaluate computes, on random Graphs, with fusing on and off and any number of
// threads.
#include <doctest/doctest.h>

#include "plan/plan.h"
#include "random_graphs.h"
#include "reference/reference.h"

namespace nnx {
namespace {

Arrays run_plan(Plan& plan, const Arrays& inputs) {
  std::vector<BufferRef> holders;
  for (const Array& a : inputs) holders.push_back(a.buffer());
  std::vector<BufferRef*> pointers;
  for (BufferRef& h : holders) pointers.push_back(&h);
  std::vector<BufferRef> outputs(plan.output_types().size());
  plan.run(pointers, outputs);
  Arrays results;
  for (size_t o = 0; o < outputs.size(); ++o) results.emplace_back(plan.output_types()[o], outputs[o]);
  return results;
}

TEST_CASE("a plan equals the reference evaluation on random graphs") {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const test::RandomGraph random = test::random_graph(seed, 4 + static_cast<int>(seed % 40));
    const Arrays expected = reference::evaluate(random.graph, random.inputs);
    for (const PlanOptions options : {PlanOptions{.threads = 1, .fuse = false}, {.threads = 1}, {.threads = 2}}) {
      auto plan = Plan::compile(random.graph, {}, options);
      const Arrays got = run_plan(*plan, random.inputs);
      for (size_t o = 0; o < got.size(); ++o) {
        INFO("seed " << seed << " output " << o << " fuse " << options.fuse << "\n"
                     << to_string(random.graph) << plan->to_string());
        REQUIRE(test::close(got[o], expected[o], 2e-5));
      }
    }
  }
}

}  // namespace
}  // namespace nnx
