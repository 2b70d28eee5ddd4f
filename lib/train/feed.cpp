#include "train/feed.h"

#include <fmt/format.h>

namespace nnx {

Feed::Feed(const std::vector<std::pair<std::string, ConfigNode>>& inputs, Diagnostics& diagnostics) {
  for (const auto& [name, node] : inputs)
    if (std::optional<BatchExpression> expression = BatchExpression::read(node, diagnostics))
      inputs_.emplace_back(name, std::move(*expression));
}

CallArguments Feed::arguments(const Array& x, const Array&) const {
  return inputs_.empty() ? CallArguments{x} : CallArguments{};
}

CallKeywords Feed::keywords(const Array& x, const Array& y) const {
  CallKeywords named;
  for (const auto& [name, expression] : inputs_) named[name] = expression(x, y);
  return named;
}

Arrays Feed::outputs(const Ref<Layer>& model, const Array& x, const Array& y) const {
  return outputs_of(model->call(arguments(x, y), keywords(x, y)));
}

Arrays outputs_of(const CallValue& result) {
  const auto* list = std::get_if<CallValue::List>(&result.value);
  Arrays outputs;
  for (const CallValue& item : list ? *list : CallValue::List{result}) {
    const auto* array = std::get_if<Array>(&item.value);
    if (!array)
      fail(ErrorKind::structure, {.expected = "a model that gives an Array, or a tuple of Arrays",
                                  .got = list ? fmt::format("a tuple with {} in it", item.kind()) : item.kind()});
    outputs.push_back(*array);
  }
  return outputs;
}

std::string types_text(std::span<const Array> outputs) {
  std::vector<std::string> types;
  for (const Array& a : outputs) types.push_back(a.type().to_string());
  return types.size() == 1 ? types[0] : fmt::format("({})", fmt::join(types, ", "));
}

}  // namespace nnx
