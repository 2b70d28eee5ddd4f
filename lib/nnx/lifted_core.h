// The type-erased machinery behind lifted.h: what a call is, and how jit and grad run it.
#pragma once

#include <memory>

#include "plan/plan.h"

#include "nnx/state.h"
#include "nnx/walk.h"

namespace nnx::detail {

// The result object of a call whose type only the caller knows.
struct ResultSlot {
  void* object = nullptr;
  size_t elements = 0;                             // of a tuple or pair; 0 for everything else
  void (*visit)(void* object, FieldVisitor& visitor) = nullptr;
  std::shared_ptr<void> (*copy)(const void* object) = nullptr;
  void (*assign)(void* object, const void* prototype) = nullptr;
};

template <class R>
ResultSlot result_slot(R& result) {
  size_t elements = 0;
  if constexpr (is_tuple<R>::value) elements = std::tuple_size_v<R>;
  return {.object = &result, .elements = elements,
          .visit = [](void* object, FieldVisitor& v) { visit_field(v, "", *static_cast<R*>(object)); },
          .copy = [](const void* object) -> std::shared_ptr<void> { return std::make_shared<R>(*static_cast<const R*>(object)); },
          .assign = [](void* object, const void* prototype) { *static_cast<R*>(object) = *static_cast<const R*>(prototype); }};
}
struct NoResult {};   // what a function that returns void results in
inline ResultSlot no_result() { return {.visit = [](void*, FieldVisitor& v) { TupleRef empty(0); v.begin("", empty); v.end(); }}; }

// One call: the arguments, how to run the function on them, and where its result goes.
struct LiftedCall {
  Roots arguments;
  std::function<void()> invoke;
  ResultSlot result;
  size_t argument_count = 0;
};

// Calls `f` on `values` through `run`, which sees the call without its types.
template <class F, class... A, class Run>
auto lift(const F& f, std::tuple<A...>& values, const Run& run) {
  using Result = std::invoke_result_t<const F&, A&...>;
  const Roots roots = [&](FieldVisitor& v) { visit_field(v, "", values); };
  // std::ref: a std::function of a reference allocates nothing.
  if constexpr (std::is_void_v<Result>) {
    const auto invoke = [&] { std::apply(f, values); };
    run(LiftedCall{roots, std::ref(invoke), no_result(), sizeof...(A)});
  } else {
    Result result{};
    const auto invoke = [&] { result = std::apply(f, values); };
    run(LiftedCall{roots, std::ref(invoke), result_slot(result), sizeof...(A)});
    return result;
  }
}

class JitCore {
 public:
  explicit JitCore(const PlanOptions& options);
  ~JitCore();
  void run(const LiftedCall& call);
  void compile(const LiftedCall& call);        // all of that but the running
  size_t entries() const;                      // compiled variants
  const Plan* last_plan() const;               // of the last call, or null
  const std::string& explain() const { return reason_; }

 private:
  struct Entry;
  Entry* find(const LiftedCall& call) const;   // null when there is none for such arguments
  Entry& add(const LiftedCall& call);
  PlanOptions options_;
  std::vector<std::unique_ptr<Entry>> entries_;
  const Entry* last_ = nullptr;
  std::string reason_;                         // of the last compilation
};

// Puts stop_gradient in front of every Array of the roots; Modules and Variables are left alone.
void stop_gradients(const Roots& roots);

// Gradients of one differentiated argument: of the Variables its filter chose, or of its Arrays.
using GradLeaves = State;

// Runs `call` under a trace and differentiates the first Array of its result, a float scalar, with respect to `wrt`
// (arguments given as roots); Variables among them are chosen by `filters`, one for each or one for all.
std::vector<GradLeaves> run_value_and_grad(const LiftedCall& call, std::span<const Roots> wrt, std::span<const Filter> filters);

}  // namespace nnx::detail
