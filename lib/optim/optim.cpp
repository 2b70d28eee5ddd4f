#include "optim/optim.h"

namespace nnx::optim {
namespace {

Ref<Transformation> chain(const std::optional<double>& clip, Chain::Parts parts, const LearningRate& learning_rate) {
  if (clip) parts.insert(parts.begin(), {"clip", make<ClipByGlobalNorm>(*clip)});
  parts.emplace_back("learning_rate", make<ScaleByLearningRate>(learning_rate));
  return make<Chain>(parts);
}

}  // namespace

Ref<Transformation> sgd(const LearningRate& learning_rate, const SgdArguments& a) {
  Chain::Parts parts;
  if (a.momentum) parts.emplace_back("momentum", make<Momentum>(*a.momentum, a.nesterov));
  return chain(a.clip_by_global_norm, std::move(parts), learning_rate);
}

Ref<Transformation> adam(const LearningRate& learning_rate, const AdamArguments& a) {
  return chain(a.clip_by_global_norm, {{"adam", make<ScaleByAdam>(a.b1, a.b2, a.eps)}}, learning_rate);
}

Ref<Transformation> adamw(const LearningRate& learning_rate, const AdamWArguments& a) {
  return chain(a.clip_by_global_norm,
               {{"adam", make<ScaleByAdam>(a.b1, a.b2, a.eps)},
                {"weight_decay", make<AddDecayedWeights>(a.weight_decay, a.mask)}},
               learning_rate);
}

}  // namespace nnx::optim
