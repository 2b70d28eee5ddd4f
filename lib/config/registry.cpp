#include "config/registry.h"

#include <fmt/format.h>

namespace nnx::config_detail {
namespace {

std::string with_article(const std::string& noun) {
  const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + noun;
}

}  // namespace

size_t find_component(const ConfigNode& node, const std::string& what, const std::vector<ComponentDoc>& docs,
                      Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const ComponentDoc& doc : docs) names.push_back(doc.name);
  const std::string known =
      names.empty() ? fmt::format("there is no {} yet", what) : fmt::format("known names: {}", fmt::join(names, ", "));
  const ConfigNode* type = node.is_map() ? node.find("type") : &node;
  if (!type) {
    diagnostics.report(node.origin(), node.path().key("type").text(),
                       {.message = fmt::format("this key is required: the name of the {}", what), .hint = known});
  } else if (!type->is_scalar()) {
    const std::string expected =
        node.is_map() ? "the name of " + with_article(what) : with_article(what) + ": a name or {type: name, ...}";
    diagnostics.report(*type, {.expected = expected, .got = type->describe(), .hint = known});
  } else {
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == type->text()) return i;
    }
    const std::string near = nearest(type->text(), names);
    diagnostics.report(*type, {.message = fmt::format("unknown {} {}", what, in_quotes(type->text())),
                               .hint = (near.empty() ? "" : fmt::format("did you mean '{}'? ", near)) + known});
  }
  diagnostics.throw_if_any();
  fail(ErrorKind::internal, {.message = "a reported error was lost"});
}

void check_component(const ComponentDoc& doc, const std::vector<ComponentDoc>& docs) {
  check(!doc.name.empty() && !doc.help.empty(), "a component has a name and a line of help");
  for (const ComponentDoc& other : docs) check(other.name != doc.name, "the names in a registry are distinct");
  for (const FieldDoc& field : doc.fields) check(field.name != "type", "no option is called 'type'");
}

ConfigNode component_node(const std::string& name, const ConfigNode& options, const ConfigNode& source) {
  const ConfigNode* type = source.find("type");
  const Origin origin = type ? type->origin() : source.origin();
  if (options.entries().empty()) return ConfigNode::scalar(name, false, source.origin(), source.path());
  std::vector<ConfigNode::Entry> entries;
  entries.push_back({"type", origin, ConfigNode::scalar(name, false, origin, source.path().key("type"))});
  entries.insert(entries.end(), options.entries().begin(), options.entries().end());
  return ConfigNode::map(std::move(entries), source.origin(), source.path());
}

void rethrow_at(const ConfigNode& node, const std::string& name, const Error& error, Diagnostics& diagnostics) {
  switch (error.kind()) {
    case ErrorKind::usage:
    case ErrorKind::shape:
    case ErrorKind::structure:
    case ErrorKind::config:
      diagnostics.report(node, {.message = fmt::format("{}: {}", name, error.what())});
      diagnostics.throw_if_any();
      break;
    case ErrorKind::missing:
    case ErrorKind::data:
    case ErrorKind::io: fail(error.kind(), {.where = node.where(), .message = error.what()});
    default: break;
  }
  throw;
}

}  // namespace nnx::config_detail
