// scan runs a function over the slices of its arguments, handing a carry from each call to the next. The function is
// traced once, on the very objects.
//
//   auto forward = scan([](Array x, Ref<MLP> layer) { return layer(x); });         // layers made by vmap(create)
//   Array y = forward(x, layers);                                                   // scan over layers
//   auto [total, sums] = scan([](Array sum, Array x) { return std::pair(sum + x, sum + x); })(zeros({}), xs);
//
// - As it stands the first argument is the carry and the others are scanned along axis 0; the function returns the carry,
//   or a pair of the carry and something to stack along axis 0. `in_axes` and `out_axes` say otherwise: Carry, an axis,
//   no_axis, or StateAxes with these for the Variables of an argument.
// - What the function sets is carried out: per slice along its axis, from iteration to iteration under Carry. A Variable
//   without axis may not be changed; the count of a random stream without axis advances as in one iteration, so that
//   every iteration draws the same.
// - A random stream with a single key under an axis is split over the iterations, as vmap does.
// - Making and replacing objects of the arguments inside is refused with the path.
#pragma once

#include "nnx/vmap.h"

namespace nnx {

struct ScanOptions {
  std::optional<int64_t> length = {};      // needed when nothing is scanned
  std::vector<LaneAxes> in_axes = {};          // one an argument, or one for all; as it stands {Carry, 0, 0...}
  std::vector<LaneAxes> out_axes = {};         // one an element of a tuple, or one for all
  bool reverse = false;                    // from the last slice to the first; what is stacked keeps the places
  int64_t unroll = 1;                      // iterations in one body of the loop
};

namespace detail {
// carry_types[i]: whether the function returns exactly the type of argument i.
void run_scan(const LiftedCall& call, const ScanOptions& options, const std::vector<bool>& carry_types);
}  // namespace detail

// Throws ErrorKind::structure for axes that do not fit (Carry on one side only, twice, nested, for output state), for a
// carry that refers to other objects than before, and for changes that a loop cannot make; ErrorKind::shape for sizes
// that differ and a carry that changes its type. Each names the path.
template <class F>
auto scan(F f, ScanOptions options = {}) {
  return [f = std::move(f), options = std::move(options)]<class... A>(A... arguments) {
    std::tuple<A...> values(std::move(arguments)...);
    using Result = std::invoke_result_t<const F&, A&...>;
    return detail::lift(f, values, [&](const detail::LiftedCall& call) {
      detail::run_scan(call, options, {std::same_as<Result, A>...});
    });
  };
}

}  // namespace nnx
