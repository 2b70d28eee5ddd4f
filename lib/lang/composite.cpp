#include "lang/composite.h"

#include <fmt/format.h>

#include <algorithm>

#include "lang/evaluate.h"

namespace nnx::lang {
namespace {

ErrorParts with_where(ErrorParts parts, const Origin& origin, const std::string& path) {
  parts.where = origin.text() + ": " + path;
  return parts;
}

}  // namespace

PlacedError::PlacedError(ErrorKind kind, const Origin& o, const std::string& p, const ErrorParts& parts)
    : Error(kind, with_where(parts, o, p)), origin(o), path(p) {}

void Composite::accept(FieldVisitor& visitor) {
  for (auto& [name, attribute] : attributes) attribute.visit(visitor, std::string_view(name));
}

void Composite::take_names(const GraphDef& def, const NodeDef& node) {
  const auto same = [&](const AttributeDef& a) {
    const Attribute* held = find(a.key.name);
    return held && held->value.index() == blank_attribute(def, a).value.index();
  };
  if (node.attributes.size() == attributes.size() && std::ranges::all_of(node.attributes, same)) return;
  Attributes taken;
  for (const AttributeDef& a : node.attributes) {
    Attribute blank = blank_attribute(def, a);
    taken.emplace_back(a.key.name, same(a) ? std::move(*find(a.key.name)) : std::move(blank));
  }
  attributes = std::move(taken);
}

Attribute* Composite::find(std::string_view name) {
  const auto at = std::ranges::find_if(attributes, [&](const auto& a) { return a.first == name; });
  return at == attributes.end() ? nullptr : &at->second;
}

Array Composite::operator()(const Array& x) {
  const CallValue result = call({x});
  if (const auto* array = std::get_if<Array>(&result.value)) return *array;
  fail(ErrorKind::structure, {.where = type().name, .expected = "one Array as its result", .got = result.kind()});
}

CallValue Composite::call(const CallArguments& arguments, const CallKeywords& keywords) {
  std::vector<std::string_view> names;
  for (const Input& input : type_->inputs) names.push_back(input.name);
  CallArguments given = nnx::detail::arrange_arguments(type().name, names.size(), names, arguments, keywords);
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i].empty()) continue;
    if (type_->inputs[i].required)
      fail(ErrorKind::structure, {.where = type().name, .message = fmt::format("the input '{}' is missing", names[i])});
    given[i] = type_->inputs[i].initial;
  }
  try {
    return evaluate(*this, std::move(given));
  } catch (const ProgramError& error) {
    throw PlacedError(error.kind(), type_->call.origin_at(error.at), type_->call.path().text(), error.parts());
  }
}

}  // namespace nnx::lang
