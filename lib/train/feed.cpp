#include "train/feed.h"

#include "lang/check.h"
#include "lang/evaluate.h"

namespace nnx {

Feed::Feed(const std::vector<std::pair<std::string, ConfigNode>>& inputs, const ConfigNode& target, Diagnostics& diagnostics) {
  for (const auto& [name, node] : inputs)
    if (std::optional<Part> part = read(name, node, diagnostics)) inputs_.push_back(std::move(*part));
  if (!target.is_null()) target_ = read("target", target, diagnostics);
}

std::optional<Feed::Part> Feed::read(const std::string& name, const ConfigNode& node, Diagnostics& diagnostics) {
  if (!node.is_scalar()) {
    diagnostics.report(node, {.expected = "an expression of x and y", .got = node.describe(), .hint = "e.g. \"x[:, :32]\""});
    return std::nullopt;
  }
  const auto report_at = [&](size_t at, ErrorParts parts) {
    diagnostics.report(node.origin_at(at), node.path().text(), std::move(parts));
  };
  try {
    Part part{name, lang::parse_expression(node.text()), node};
    lang::Program program(1);
    program[0].value = part.expression;
    lang::check_program(program, {.inputs = {"x", "y"}, .arguments = {}, .attributes = {}}, report_at);
    return part;
  } catch (const lang::ProgramError& error) {
    report_at(error.at, error.parts());
    return std::nullopt;
  }
}

CallValue Feed::value(const Part& part, const Array& x, const Array& y) {
  try {
    return lang::evaluate(part.expression, {{"x", x}, {"y", y}});
  } catch (const lang::ProgramError& error) {
    throw lang::PlacedError(error.kind(), part.node.origin_at(error.at), part.node.path().text(), error.parts());
  }
}

CallArguments Feed::arguments(const Array& x, const Array&) const {
  return inputs_.empty() ? CallArguments{x} : CallArguments{};
}

CallKeywords Feed::keywords(const Array& x, const Array& y) const {
  CallKeywords named;
  for (const Part& part : inputs_) named[part.name] = value(part, x, y);
  return named;
}

Array Feed::target(const Array& x, const Array& y) const {
  if (!target_) return y;
  const CallValue result = value(*target_, x, y);
  if (const auto* array = std::get_if<Array>(&result.value)) return *array;
  throw lang::PlacedError(ErrorKind::structure, target_->node.origin(), target_->node.path().text(),
                          {.expected = "an Array, for the loss", .got = result.kind()});
}

Array Feed::predict(const Ref<Layer>& model, const Array& x, const Array& y) const {
  if (inputs_.empty()) return model(x);
  return model->call(arguments(x, y), keywords(x, y)).as<Array>();
}

}  // namespace nnx
