// Control flow that stays inside a plan: branches and loops over Arrays and objects.
//
//   cond(greater(x, 0), [](Ref<Model> m, Array v) { m->hits.set(m->hits.get() + 1); return v; },
//        [](Ref<Model>, Array v) { return -v; }, model, x);
//   auto [m, n] = while_loop([](auto v) { return greater(std::get<1>(v), 0); }, body, std::tuple(model, scalar<int32_t>(3)));
//   Array y = fori_loop(0, 3, [](Array i, Array v) { return v * 2.0; }, x);
//
// - Every function is traced once, on the very objects; what it sets is carried out.
// - Branches must leave their arguments and results in the same structure and types; a loop keeps the structure and the
//   objects of its value. What does not fit is an error that names the path.
#pragma once

#include "nnx/scan.h"
#include "ops/elementwise.h"

namespace nnx {

namespace detail {
void run_switch(const Array& index, std::span<const LiftedCall> branches);
void run_while(const LiftedCall& condition, const LiftedCall& body);
Array branch_of(const Array& predicate);                 // bool scalar -> 0 or 1
Array counted(int64_t lower, int64_t upper);             // i32: lower .. upper - 1

template <class... A, class... F>
auto lift_branches(const Array& index, std::tuple<A...>& values, const F&... branches) {
  using Result = std::common_type_t<std::conditional_t<std::is_void_v<std::invoke_result_t<const F&, A&...>>, NoResult,
                                                       std::invoke_result_t<const F&, A&...>>...>;
  const Roots roots = [&](FieldVisitor& v) { visit_field(v, "", values); };
  if constexpr (std::same_as<Result, NoResult>) {
    const std::array<LiftedCall, sizeof...(F)> calls{
        LiftedCall{roots, [&] { std::apply(branches, values); }, no_result(), sizeof...(A)}...};
    run_switch(index, calls);
  } else {
    Result result{};
    const std::array<LiftedCall, sizeof...(F)> calls{
        LiftedCall{roots, [&] { result = std::apply(branches, values); }, result_slot(result), sizeof...(A)}...};
    run_switch(index, calls);
    return result;
  }
}
}  // namespace detail

// The branch number `index` (i32 scalar, clamped into range) on the arguments.
template <class... F, class... A>
auto switch_case(const Array& index, std::tuple<F...> branches, A... arguments) requires(std::invocable<F&, A&...> && ...) {
  std::tuple<A...> values(std::move(arguments)...);
  return std::apply([&](const F&... f) { return detail::lift_branches(index, values, f...); }, branches);
}

// predicate: bool scalar.
template <class T, class E, class... A>
auto cond(const Array& predicate, T true_fn, E false_fn, A... arguments) {
  std::tuple<A...> values(std::move(arguments)...);
  return detail::lift_branches(detail::branch_of(predicate), values, false_fn, true_fn);
}

// Calls body(value) -> value while condition(value), a bool scalar, holds. Reverse-mode gradients need a fixed length:
// use scan or fori_loop with integer bounds.
template <class C, class B, class T>
T while_loop(C condition, B body, T value) {
  std::tuple<T> values(std::move(value));
  const Roots roots = [&](FieldVisitor& v) { detail::visit_field(v, "", values); };
  Array holds;
  T result{};
  detail::run_while({roots, [&] { holds = std::apply(condition, values); }, detail::result_slot(holds), 1},
                    {roots, [&] { result = std::apply(body, values); }, detail::result_slot(result), 1});
  return result;
}

// body(i, value) -> value for i = lower .. upper - 1 (i32 scalars); nothing when upper <= lower. A scan, and so differentiable.
template <class B, class T>
T fori_loop(int64_t lower, int64_t upper, B body, T value) {
  const auto step = [body = std::move(body)](T v, Array i) -> T { return body(std::move(i), std::move(v)); };
  return scan(step, {.in_axes = {Carry, 0}, .out_axes = {Carry}})(std::move(value), detail::counted(lower, upper));
}

// The same with bounds that only run time knows (i32 scalars): a while_loop, without gradient.
template <class B, class T>
T fori_loop(const Array& lower, const Array& upper, B body, T value) {
  const auto result = while_loop([upper](std::tuple<Array, T> v) { return less(std::get<0>(v), upper); },
                                 [body = std::move(body)](std::tuple<Array, T> v) {
                                   T next = body(std::get<0>(v), std::move(std::get<1>(v)));
                                   return std::tuple<Array, T>(std::get<0>(v) + 1, std::move(next));
                                 },
                                 std::tuple<Array, T>(lower, std::move(value)));
  return std::get<1>(result);
}

}  // namespace nnx
