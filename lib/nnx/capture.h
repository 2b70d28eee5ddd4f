// Calls that give back what Modules sowed on the way, leaving them without it.
//
//   auto [y, sown] = capture(model, of<Intermediate>)(x);          // sown["block.hidden.0"]
//   // gradients of intermediates: sown perturbations are zeros that were added to them
//   auto [out, perturbations] = capture(model, of<Perturbation>)(x);
//   grad<1>([](Ref<Net> m, State p, Array x) { return capture(m, of<Perturbation>, p)(x).first; })(model, perturbations, x)
#pragma once

#include "nnx/functional.h"

namespace nnx {

namespace detail {

// For the time of a call: sown Variables of these kinds that were there before are put aside, those of `init` planted.
class CaptureScope {
 public:
  CaptureScope(ModuleBase& module, const Filter& kinds, const State& init);
  ~CaptureScope();
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;
  State finish();   // what was sown, taken out

 private:
  void put_back();
  ModuleBase& module_;
  Filter kinds_;
  bool open_ = true;
  std::vector<std::pair<std::shared_ptr<ModuleBase>, std::vector<Sown>>> aside_;
};

void drop_empty_sown(ModuleBase& module);   // attributes and list elements that hold no Variable any more

}  // namespace detail

// A function that calls `module` and gives {result, State of what was sown and `kinds` matches}. `init` has Variables that
// Modules find as if they had sown them before: perturbations to differentiate. Throws ErrorKind::structure when `init`
// names a Module that is not there.
template <class T>
auto capture(const Ref<T>& module, const Filter& kinds, const State& init = {}) {
  return [module, kinds, init]<class... A>(A&&... arguments) {
    detail::CaptureScope scope(*module, kinds, init);
    auto result = module(std::forward<A>(arguments)...);
    State sown = scope.finish();
    return std::pair(std::move(result), std::move(sown));
  };
}

}  // namespace nnx
