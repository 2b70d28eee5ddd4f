#include "train/model_check.h"

#include <fmt/format.h>

#include "nn/sequential.h"
#include "nnx/eval_shape.h"
#include "train/evaluate.h"

namespace nnx {
namespace {

class Walk {
 public:
  explicit Walk(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // The result of `layer` for x, or an undefined Array when some layer inside of it was reported. Layers of a
  // Sequential are called one by one, so that the one at fault is known.
  Array operator()(const Ref<Layer>& layer, const ConfigNode& node, const Array& x) {
    if (const auto sequence = std::dynamic_pointer_cast<Sequential>(layer.shared())) return each(*sequence, node, x);
    try {
      return layer(x);
    } catch (const ConfigError&) { throw; } catch (const Error& error) {
      if (error.kind() != ErrorKind::shape && error.kind() != ErrorKind::structure) throw;
      diagnostics_.report(
          node, {.message = fmt::format("does not fit its input {}: {}", x.type().to_string(), error.what())});
      return {};
    }
  }

 private:
  Array each(const Sequential& sequence, const ConfigNode& node, const Array& x) {
    const std::vector<std::string> names = sequence.name_list();
    Array y = x;
    for (size_t i = 0; i < sequence.layers.size() && y.defined(); ++i) {
      const std::string name = names.empty() ? std::to_string(i) : names[i];
      const ConfigNode* child = node.find_path("layers." + name);
      y = (*this)(sequence.layers[i], child ? *child : node, y);
    }
    return y;
  }

  Diagnostics& diagnostics_;
};

void check_loss(const Array& prediction, const Array& target, const Loss& loss, const ModelCheck& check,
                Diagnostics& diagnostics) {
  try {
    loss.per_example(prediction, target);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::shape) throw;
    diagnostics.report(check.loss_node, {.message = fmt::format(
                                             "does not fit the model's output {} and the targets {}: {}",
                                             prediction.type().to_string(), target.type().to_string(), error.what())});
    return;
  }
  if (loss.targets == TargetKind::labels && prediction.rank() > 0 && prediction.dim(-1) < check.classes)
    diagnostics.report(check.model_node,
                       {.expected = fmt::format("at least {} outputs, one for each class of the data", check.classes),
                        .got = std::to_string(prediction.dim(-1))});
}

}  // namespace

void check_model(const Ref<Layer>& model, const Loss& loss, const ModelCheck& check, Diagnostics& diagnostics) {
  const EvalMode mode(model);
  // The model is an argument, so that a layer may set its Variables; they keep their values.
  const auto call = [&](const Ref<Layer>& m, const Array& x, const Array& y) {
    const Array prediction = Walk(diagnostics)(m, check.model_node, x);
    if (prediction.defined()) check_loss(prediction, y, loss, check, diagnostics);
  };
  eval_shape(call, model, zeros(check.features.shape, check.features.dtype),
             zeros(check.targets.shape, check.targets.dtype));
}

}  // namespace nnx
