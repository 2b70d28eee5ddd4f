// custom_vjp gives a function a gradient of its own.
//
//   auto clipped = custom_vjp([](Array x) { return x; },
//                             [](Array x) { return std::pair(x, std::tuple<>()); },              // (result, residuals)
//                             [](std::tuple<>, Array ct) { return clip(ct, -1.0, 1.0); });       // -> gradient of x
#pragma once

#include "nnx/lifted_core.h"

namespace nnx {

namespace detail {
struct CustomVjpCall {
  LiftedCall function;     // the arguments -> result
  LiftedCall forward;      // the arguments -> (result, residuals)
  LiftedCall backward;     // (residuals, cotangents) -> gradients
  std::function<void()> hand_over;   // what forward gave becomes the arguments of backward
  bool single_gradient;    // of the first argument; otherwise a tuple, one for each
};
void run_custom_vjp(const CustomVjpCall& call);
}  // namespace detail

// f(args...) -> result; forward(args...) -> pair of result and residuals (Arrays, Refs of the arguments, tuples of these);
// backward(residuals, cotangents of the result) -> the gradients: one for each argument as a tuple, or of the only one. The
// gradient of an Array is an Array, of a Module or State a State, which may leave Variables out: theirs are zero. What f
// sets in its arguments is carried out and has no cotangent. Throws ErrorKind::structure and ErrorKind::shape naming the path
// of what does not fit.
template <class F, class Forward, class Backward>
auto custom_vjp(F f, Forward forward, Backward backward) {
  return [f = std::move(f), forward = std::move(forward), backward = std::move(backward)]<class... A>(A... arguments) {
    using Result = std::invoke_result_t<const F&, A&...>;
    using Forwarded = std::invoke_result_t<const Forward&, A&...>;
    using Residuals = std::tuple_element_t<1, Forwarded>;
    using Gradients = std::invoke_result_t<const Backward&, Residuals&, Result&>;
    static_assert(std::same_as<std::tuple_element_t<0, Forwarded>, Result>, "forward must return the result and residuals");
    std::tuple<A...> values(std::move(arguments)...);
    std::tuple<Residuals, Result> pulled;
    Result result{};
    Forwarded forwarded{};
    Gradients gradients{};
    const Roots roots = [&](FieldVisitor& v) { detail::visit_field(v, "", values); };
    detail::run_custom_vjp({
        .function = {roots, [&] { result = std::apply(f, values); }, detail::result_slot(result), sizeof...(A)},
        .forward = {roots, [&] { forwarded = std::apply(forward, values); }, detail::result_slot(forwarded), sizeof...(A)},
        .backward = {[&](FieldVisitor& v) { detail::visit_field(v, "", pulled); },
                     [&] { gradients = std::apply(backward, pulled); }, detail::result_slot(gradients), 2},
        .hand_over = [&] { pulled = {std::get<1>(forwarded), std::get<0>(forwarded)}; },
        .single_gradient = !detail::is_tuple<Gradients>::value});
    return result;
  };
}

}  // namespace nnx
