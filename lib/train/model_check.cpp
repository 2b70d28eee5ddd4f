#include "train/model_check.h"

#include <fmt/format.h>

#include "lang/composite.h"
#include "nnx/eval_shape.h"
#include "nnx/probe.h"
#include "train/evaluate.h"

namespace nnx {
namespace {

void report(const lang::PlacedError& error, Diagnostics& diagnostics) {
  ErrorParts parts = error.parts();
  parts.where.clear();
  diagnostics.report(error.origin, error.path, std::move(parts));
}

// Reports at the line of the innermost layer that does not fit what it is given, or in the call of a Module written in
// YAML; rethrows what is no such error.
void report(const FailedCall& failed, ModuleBase& model, const Definitions& definitions, const ConfigNode& model_node,
            Diagnostics& diagnostics) {
  try {
    std::rethrow_exception(failed.error);
  } catch (const ConfigError&) { throw; } catch (const lang::PlacedError& error) {
    report(error, diagnostics);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::shape && error.kind() != ErrorKind::structure) throw;
    const ConfigNode* node = &model_node;
    for (const Visited& v : iterate_of(model))
      if (v.module && to_string(v.path) == failed.path)
        if (const ConfigNode* written = definitions.written_at(v.module.get())) node = written;
    std::string given;
    for (const Type& type : failed.inputs) given += (given.empty() ? "" : ", ") + type.to_string();
    const std::string input = given.empty() ? "inputs" : "input " + given;
    diagnostics.report(*node, {.message = fmt::format("does not fit its {}: {}", input, error.what())});
  }
}

void check_term(const ObjectiveTerm& term, const Arrays& outputs, const Array& x, const Array& y, const ModelCheck& check,
                Diagnostics& diagnostics) {
  try {
    term.judge(outputs, x, y);
  } catch (const lang::PlacedError& error) { return report(error, diagnostics); }
  const Array& prediction = term.prediction(outputs);
  const bool labels = term.loss().targets == TargetKind::labels && term.compares_with() == "y";
  if (labels && prediction.dim(-1) < check.classes)
    diagnostics.report(check.model_node,
                       {.expected = fmt::format("at least {} outputs, one for each class of the data", check.classes),
                        .got = std::to_string(prediction.dim(-1))});
}

void check_result(const CallValue& result, const Objective& objective, const Array& x, const Array& y, const ModelCheck& check,
                  Diagnostics& diagnostics) {
  Arrays outputs;
  try {
    outputs = outputs_of(result);
  } catch (const Error& error) { return diagnostics.report(check.model_node, error.parts()); }
  for (const Ref<ObjectiveTerm>& term : objective.terms()) check_term(*term, outputs, x, y, check, diagnostics);
}

}  // namespace

void check_model(const Ref<Layer>& model, const Objective& objective, const Definitions& definitions, const ModelCheck& check,
                 Diagnostics& diagnostics) {
  const EvalMode mode(model);
  // The model is an argument, so that a layer may set its Variables; they keep their values.
  const auto call = [&](const Ref<Layer>& m, const Array& x, const Array& y) {
    std::optional<FailedCall> failed;
    try {
      const CallKeywords keywords = check.feed.keywords(x, y);
      const CallValue result = watched_call(*m, check.feed.arguments(x, y), keywords, failed);
      check_result(result, objective, x, y, check, diagnostics);
    } catch (const lang::PlacedError& error) {
      if (failed) report(*failed, *m, definitions, check.model_node, diagnostics);  // knows the layer
      else report(error, diagnostics);
    } catch (const Error&) {
      if (!failed) throw;
      report(*failed, *m, definitions, check.model_node, diagnostics);
    }
  };
  eval_shape(call, model, zeros(check.features.shape, check.features.dtype),
             zeros(check.targets.shape, check.targets.dtype));
}

}  // namespace nnx
