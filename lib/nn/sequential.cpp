#include "nn/sequential.h"

#include <algorithm>
#include <cctype>

namespace nnx {
namespace {

bool is_attribute_name(std::string_view name) {
  const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) && std::ranges::all_of(name, word) &&
         name != "names" && name != "layers";
}

}  // namespace

Sequential::Sequential(const std::vector<std::pair<std::string, Ref<Layer>>>& named) {
  for (const auto& [name, layer] : named) {
    if (!is_attribute_name(name))
      fail(ErrorKind::structure, {.where = "Sequential", .expected = "a layer name of letters, digits and _ (not 'names' or 'layers')", .got = in_quotes(name)});
    names += (names.empty() ? "" : " ") + name;
    layers.push_back(layer);
  }
}

std::vector<std::string> Sequential::name_list() const {
  std::vector<std::string> list;
  for (size_t start = 0; start < names.size();) {
    const size_t end = std::min(names.find(' ', start), names.size());
    list.push_back(names.substr(start, end - start));
    start = end + 1;
  }
  return list;
}

Array Sequential::operator()(const Array& x) {
  Array y = x;
  for (const Ref<Layer>& layer : layers) y = layer(y);
  return y;
}

CallValue Sequential::call(const CallArguments& arguments, const CallKeywords& keywords) {
  CallArguments next = arguments;
  CallKeywords next_keywords = keywords;
  for (const Ref<Layer>& layer : layers) {
    CallValue result = layer->call(next, next_keywords);
    next.clear();
    next_keywords.clear();
    if (const auto* list = std::get_if<CallValue::List>(&result.value)) next = *list;
    else if (const auto* map = std::get_if<CallValue::Map>(&result.value)) next_keywords = *map;
    else next = {std::move(result)};
  }
  if (!next_keywords.empty()) return next_keywords;
  if (next.size() == 1) return next[0];
  return next.empty() ? CallValue() : CallValue(next);
}

}  // namespace nnx
