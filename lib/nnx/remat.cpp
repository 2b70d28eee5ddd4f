#include "nnx/remat.h"

#include "nnx/traced_call.h"
#include "ops/loop.h"

namespace nnx::detail {

void run_remat(const LiftedCall& call) {
  const Arguments arguments(call);
  const TracedCall traced = trace_call(arguments, call, arguments.types());
  const std::vector<size_t> chosen = outputs_to_deliver(traced);
  const auto body = std::make_shared<const Graph>(with_outputs(traced.graph, chosen));
  const Arrays values = nnx::remat(body, arguments.with_captures(traced.captures));
  for (size_t k = 0; k < chosen.size(); ++k) deliver(arguments, traced, traced.outputs[chosen[k]], values[k]);
}

}  // namespace nnx::detail
