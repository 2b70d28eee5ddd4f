#include "nn/dropout.h"

namespace nnx {

Dropout::Dropout(double dropout_rate, Rngs& all) : rate(dropout_rate), rngs(all.stream("dropout")->fork()) {}

Array Dropout::operator()(const Array& x, std::optional<bool> override_deterministic, const Ref<RngStream>& override_rngs) {
  if (override_deterministic.value_or(deterministic)) return x;
  const Ref<RngStream>& stream = override_rngs ? override_rngs : rngs;
  if (!stream)
    fail(ErrorKind::structure, {.where = "Dropout", .message = "`deterministic` is False, but no `rngs` argument was provided to Dropout"});
  // The rate is an input of the plan, so 0 and 1 are no special cases: a mask of all ones, or of all zeros.
  const Array keep = 1 - rate.array();
  const Array mask = random::bernoulli((*stream)(), keep, x.shape());
  const Array safe = select(greater(keep, 0), keep, 1 - zeros_like(keep));
  return select(mask, x / safe, zeros_like(x));
}

CallValue Dropout::call(const CallArguments& arguments, const CallKeywords& keywords) {
  constexpr std::array<std::string_view, 2> names{"x", "deterministic"};
  const auto given = detail::arrange_arguments("Dropout", 2, names, arguments, keywords);
  return (*this)(given[0].as<Array>(), given[1].empty() ? std::nullopt : std::optional(given[1].as<bool>()));
}

}  // namespace nnx
