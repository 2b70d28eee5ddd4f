#include "train/batch_expression.h"

#include "lang/check.h"
#include "lang/evaluate.h"

namespace nnx {

std::optional<BatchExpression> BatchExpression::read(const ConfigNode& node, Diagnostics& diagnostics) {
  if (!node.is_scalar()) {
    diagnostics.report(node,
                       {.expected = "an expression of x and y", .got = node.describe(), .hint = "e.g. \"x[:, :32]\""});
    return std::nullopt;
  }
  const auto report_at = [&](size_t at, ErrorParts parts) {
    diagnostics.report(node.origin_at(at), node.path().text(), std::move(parts));
  };
  try {
    lang::Program program(1);
    program[0].value = lang::parse_expression(node.text());
    lang::check_program(program, {.inputs = {"x", "y"}, .arguments = {}, .attributes = {}}, report_at);
    return BatchExpression(std::move(program[0].value), node);
  } catch (const lang::ProgramError& error) {
    report_at(error.at, error.parts());
    return std::nullopt;
  }
}

CallValue BatchExpression::operator()(const Array& x, const Array& y) const {
  try {
    return lang::evaluate(expression_, {{"x", x}, {"y", y}});
  } catch (const lang::ProgramError& error) {
    throw lang::PlacedError(error.kind(), node_.origin_at(error.at), node_.path().text(), error.parts());
  }
}

}  // namespace nnx
