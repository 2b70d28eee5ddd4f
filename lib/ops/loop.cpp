#include "ops/loop.h"

#include <fmt/format.h>

#include "ops/attrs.h"
#include "ops/families.h"

namespace nnx {
namespace {

const OpDef call_op{
    .name = "call",
    .family = Family::higher_order,
    .infer =
        [](std::span<const Type> in, const Attrs& attrs) {
          const Graph& body = *attrs.as<CallAttrs>().body;
          const std::vector<Type> expected = body.input_types();
          if (in.size() != expected.size())
            fail(ErrorKind::shape, {.where = "call", .expected = fmt::format("{} inputs, as its body", expected.size()),
                                    .got = std::to_string(in.size())});
          for (size_t i = 0; i < in.size(); ++i)
            if (in[i] != expected[i])
              fail(ErrorKind::shape, {.where = fmt::format("call: input {}", i), .expected = expected[i].to_string(),
                                      .got = in[i].to_string()});
          return body.output_types();
        },
    .expand = [](std::span<const Array> in, const Attrs& attrs) { return nnx::apply(*attrs.as<CallAttrs>().body, in); },
};

}  // namespace

std::span<const OpDef* const> loop_ops() {
  static constexpr const OpDef* ops[] = {&call_op};
  return ops;
}

Arrays call(const GraphRef& body, std::span<const Array> inputs) { return emit(call_op, CallAttrs{body}, inputs); }

}  // namespace nnx
