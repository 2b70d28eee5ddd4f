#include "ops/families.h"

#include <numeric>
#include <string>
#include <tuple>

#include "graph/trace.h"
#include "ops/all.h"
#include "ops/shape.h"

namespace nnx {

const OpDef& op_named(std::string_view name) {
  const OpDef* op = find_op(name);
  if (!op) fail(ErrorKind::internal, {.message = "there is no op named " + std::string(name)});
  return *op;
}

bool broadcast_shapes(const Shape& a, const Shape& b, Shape& result) {
  const auto& [longer, shorter] = a.rank() >= b.rank() ? std::tie(a, b) : std::tie(b, a);
  const int offset = longer.rank() - shorter.rank();
  Shape wide = longer;
  for (int i = 0; i < shorter.rank(); ++i) {
    const int64_t size = wide[offset + i];
    if (size == 1) wide = wide.with(offset + i, shorter[i]);
    else if (shorter[i] != 1 && shorter[i] != size) return false;
  }
  result = wide;
  return true;
}

Array batched_input(const BatchArgs& args, size_t i) {
  const Array& x = args.in[i];
  if (args.batched[i]) return x;
  std::vector<int> dims(static_cast<size_t>(x.rank()));
  std::iota(dims.begin(), dims.end(), 1);
  return broadcast_in_dim(x, x.shape().inserted(0, args.size), dims);
}

Arrays batch_as_elementwise(const BatchArgs& args) {
  Arrays inputs;
  for (size_t i = 0; i < args.in.size(); ++i) inputs.push_back(batched_input(args, i));
  return emit(args.op, args.attrs, inputs);
}

}  // namespace nnx
