#include "data/split.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "data/order.h"

namespace nnx {

RowSplit split_rows(const Dataset& data, double fraction, uint64_t seed) {
  if (!(fraction > 0 && fraction < 1))
    fail(ErrorKind::config,
         {.where = "validation", .expected = "a fraction between 0 and 1", .got = fmt::to_string(fraction)});
  const auto held_out = static_cast<int64_t>(std::floor(fraction * static_cast<double>(data.rows) + 0.5));
  if (held_out == 0 || held_out == data.rows)
    fail(ErrorKind::config,
         {.where = "validation",
          .message = fmt::format("a fraction of {} of {} rows leaves one part empty", fraction, data.rows)});
  Permutation order;
  order.assign(split_order_key(seed), data.rows);
  std::vector<bool> is_held_out(static_cast<size_t>(data.rows));
  for (int64_t i = 0; i < held_out; ++i) is_held_out[static_cast<size_t>(order[i])] = true;
  std::vector<int64_t> kept, taken;
  for (int64_t row = 0; row < data.rows; ++row) (is_held_out[static_cast<size_t>(row)] ? taken : kept).push_back(row);
  return {take_rows(data, kept), take_rows(data, taken)};
}

}  // namespace nnx
