// A LaneFunction is a lifted function over Lanes: traced once, on the objects of lane 0, batched over a number of lanes and
// compiled to one Plan, which runs on LaneBlocks.
//
//   LaneFunction step = lane_function(lanes, train_step, std::tuple(model0, optimizer0, x, y));
//   LaneLayout layout = step.settle(lanes.layout(members), {true, true});
//   LanePlan plan = step.compile(layout, {true, true}, members.size(), {.threads = 1});
//   plan.run(block, {&x, &y});                    // x and y of all members, one after the other
//   plan.result(0)->as<float>()[i];               // of member i
//   plan.failed_guard(i);                         // what was not finite, or null
//
// - Numbers that differ between lanes are batched like Variables: a rate of its own for each.
// - What no member's own value reaches is computed once for the block.
// - Guards (check_finite) do not throw: a plan has no exception for one lane among many. They become results, one a lane;
//   the values of a lane that has failed one mean nothing from then on, and the others do not depend on it.
// - The function may change values, but neither structure nor Numbers.
#pragma once

#include "nnx/lanes.h"
#include "nnx/traced_call.h"
#include "plan/plan.h"

namespace nnx {

class LanePlan;

class LaneFunction {
 public:
  // Throws ErrorKind::structure for a function that changes the structure, makes Variables or reaches one that is not in
  // the Lanes.
  LaneFunction(const Lanes& lanes, const detail::LiftedCall& call);

  // `arrays`, here and below: which of the Array arguments have a value for each lane.
  // The layout with those cells stacked too that calls would make differ.
  LaneLayout settle(LaneLayout layout, const std::vector<bool>& arrays) const;
  // For blocks of `count` lanes with a settled layout.
  LanePlan compile(const LaneLayout& layout, const std::vector<bool>& arrays, size_t count, const PlanOptions& options) const;

 private:
  friend class LanePlan;
  std::vector<bool> stacked_inputs(const LaneLayout& layout, const std::vector<bool>& arrays) const;

  Graph graph_;                            // of one lane; inputs: Variables, Arrays, Numbers; outputs: results, Variables, guards
  std::vector<size_t> cells_, numbers_;    // of the Lanes, by input
  size_t arrays_ = 0;
  std::vector<Alias> aliases_;             // of the Variables that change
  std::vector<std::string> guards_;
};

// Traces `f`, called with `arguments`: objects of lane 0 and Arrays.
template <class F, class... A>
LaneFunction lane_function(const Lanes& lanes, const F& f, std::tuple<A...> arguments) {
  std::optional<LaneFunction> function;
  detail::lift(f, arguments, [&](const detail::LiftedCall& call) { function.emplace(lanes, call); });
  return std::move(*function);
}

class LanePlan {
 public:
  // The block has as many lanes as the plan, and its layout. An Array of every lane has their values one after the other.
  void run(LaneBlock& block, std::span<BufferRef* const> arrays);
  const BufferRef& result(size_t i) const { return outputs_[i]; }
  // The error text of the first guard that member `i` failed, or null.
  const std::string* failed_guard(size_t i) const;
  const Plan& plan() const { return *plan_; }

 private:
  friend class LaneFunction;
  explicit LanePlan(const LaneFunction& function) : function_(function) {}
  const LaneFunction& function_;
  std::shared_ptr<Plan> plan_;
  std::vector<BufferRef*> inputs_;
  std::vector<BufferRef> outputs_;
};

}  // namespace nnx
