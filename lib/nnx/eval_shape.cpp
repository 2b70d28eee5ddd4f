#include "nnx/eval_shape.h"

#include "nnx/traced_call.h"

namespace nnx::detail {

void run_eval_shape(const LiftedCall& call) {
  const Arguments arguments(call);
  const ArgumentStructure structure(call.arguments);
  const TracedCall traced = trace_call(arguments, call, arguments.types());
  for (const Output& output : traced.outputs) {
    const bool is_new = output.form == Output::Form::result || output.form == Output::Form::new_cell;
    const auto o = static_cast<size_t>(&output - traced.outputs.data());
    if (is_new) deliver(arguments, traced, output, abstract_array(traced.graph.type(traced.graph.outputs[o])));
  }
}

}  // namespace nnx::detail
