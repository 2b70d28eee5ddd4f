// Transforms of functions over objects: jit, grad, value_and_grad. They run the function on the very objects it is given,
// with traced values in their Variables, and carry every mutation out again.
//
//   auto train_step = jit([](Ref<MLP> model, Ref<Optimizer> optimizer, Array x, Array y) {
//     auto loss_fn = [&](Ref<MLP> model) { return mean(square(model(x) - y)); };
//     auto [loss, grads] = value_and_grad(loss_fn)(model);
//     optimizer->update(grads);
//     return loss;
//   });
//
// Arguments and results: Arrays, Refs, States, static values, and vectors, maps and tuples of these. On an exception every
// Variable keeps its value.
#pragma once

#include "graph/trace.h"
#include "nnx/functional.h"
#include "nnx/lifted_core.h"

namespace nnx {

// Traced once for each GraphDef and types of its arguments and compiled to one Plan; later calls run the Plan. The cache
// lives in the wrapper and is shared by its copies. Inside another trace the function is simply called.
template <class F>
class Jit {
 public:
  Jit(F f, const PlanOptions& options) : f_(std::move(f)), core_(std::make_shared<detail::JitCore>(options)) {}

  template <class... A>
  auto operator()(A... arguments) const {
    std::tuple<A...> values(std::move(arguments)...);
    if (Trace::current()) return std::apply(f_, values);
    return detail::lift(f_, values, [&](const detail::LiftedCall& call) { core_->run(call); });
  }

  // Traces and compiles for these arguments and runs nothing: every value stays. What the function does to the structure of
  // objects has been done then.
  template <class... A>
  const Plan& compile(A... arguments) const {
    std::tuple<A...> values(std::move(arguments)...);
    detail::lift(f_, values, [&](const detail::LiftedCall& call) { core_->compile(call); });
    return *plan();
  }

  size_t entries() const { return core_->entries(); }            // compiled variants so far
  const Plan* plan() const { return core_->last_plan(); }        // of the last call or compile; null before the first
  // Why the last compilation was necessary, by path: "'linear1.kernel' of argument 0: Param f32[2,16] -> Param f32[2,32]".
  const std::string& explain() const { return core_->explain(); }

 private:
  F f_;
  std::shared_ptr<detail::JitCore> core_;
};

//   jit(f, {.precision = Precision::bf16_mixed})      large products of bf16 operands, summed in f32
template <class F>
Jit<F> jit(F f, const PlanOptions& options = {}) { return Jit<F>(std::move(f), options); }

namespace detail {
// The gradient of an argument: a State of a Module or State, an Array of an Array.
template <class A>
auto gradient_as(State leaves) {
  if constexpr (std::same_as<A, Array>) return leaves.begin()->second.value;
  else return leaves;
}

template <size_t... N>
constexpr auto positions() {
  if constexpr (sizeof...(N) == 0) return std::index_sequence<0>();
  else return std::index_sequence<N...>();
}
template <size_t... N>
constexpr bool all_different() {
  const std::array<size_t, sizeof...(N)> list{N...};
  for (size_t i = 0; i < list.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (list[i] == list[j]) return false;
  return true;
}

// One gradient as itself, several as a tuple.
template <class... A, size_t... J>
auto gradients_as(std::vector<State> leaves, std::index_sequence<J...>) {
  if constexpr (sizeof...(A) == 1) return gradient_as<A...>(std::move(leaves[0]));
  else return std::tuple{gradient_as<A>(std::move(leaves[J]))...};
}
}  // namespace detail

// f(args...) -> loss, or a tuple or pair whose first element is the loss (the rest is auxiliary, of any kind). The result
// is called with the same arguments and gives {f's result, gradients}: for argument positions N (default the first), a
// State of the Variables that a filter chooses, or an Array. One filter is for all positions, several are one each; only
// what they cover is differentiated. A Variable reached twice has one gradient, the sum.
//
//   auto [loss, grads] = value_and_grad<0, 1>(loss_fn, path("**.kernel"), of<LoRAParam>)(encoder, decoder);
template <size_t... N, class F, std::same_as<Filter>... W>
auto value_and_grad(F f, W... wrt) {
  constexpr size_t positions = sizeof...(N) == 0 ? 1 : sizeof...(N);
  static_assert(sizeof...(W) <= 1 || sizeof...(W) == positions, "grad takes one filter, or one for each position");
  static_assert(detail::all_different<N...>(), "grad: a position is repeated");
  std::vector<Filter> filters{std::move(wrt)...};
  if (filters.empty()) filters.push_back(of<Param>);
  return [f = std::move(f), filters = std::move(filters)]<class... A>(A... arguments) {
    std::tuple<A...> values(std::move(arguments)...);
    return [&]<size_t... I>(std::index_sequence<I...>) {
      const std::array<Roots, sizeof...(I)> roots{
          Roots([&](FieldVisitor& v) { detail::visit_field(v, "", std::get<I>(values)); })...};
      std::vector<State> grads;
      auto result = detail::lift(f, values, [&](const detail::LiftedCall& call) {
        grads = detail::run_value_and_grad(call, roots, filters);
      });
      using Values = std::tuple<A...>;
      return std::pair(std::move(result), detail::gradients_as<std::tuple_element_t<I, Values>...>(
                                              std::move(grads), std::make_index_sequence<sizeof...(I)>()));
    }(detail::positions<N...>());
  };
}

// A copy of a tree of Arrays through which no gradient flows; objects in it stay the same.
template <class T>
T stop_gradient(T tree) requires(std::same_as<T, State> || detail::is_vector<T>::value || detail::is_map<T>::value || detail::is_tuple<T>::value) {
  detail::stop_gradients([&](FieldVisitor& v) { detail::visit_field(v, "", tree); });
  return tree;
}

// value_and_grad without the value.
template <size_t... N, class F, std::same_as<Filter>... W>
auto grad(F f, W... wrt) {
  return [inner = value_and_grad<N...>(std::move(f), std::move(wrt)...)]<class... A>(A... arguments) {
    return inner(std::move(arguments)...).second;
  };
}

}  // namespace nnx
