#include "lang/fill.h"

#include <fmt/format.h>

#include "config/scalar.h"
#include "config/write.h"
#include "lang/check.h"
#include "lang/evaluate.h"

namespace nnx::lang {
namespace {

struct Filler {
  const std::map<std::string, ConfigNode>& arguments;
  Diagnostics& diagnostics;

  ConfigNode each(const ConfigNode& node) {
    if (node.is_scalar()) return node.text().find("${") == std::string::npos ? node : scalar(node);
    if (node.is_sequence()) {
      std::vector<ConfigNode> items;
      for (const ConfigNode& item : node.items()) items.push_back(each(item));
      return ConfigNode::sequence(std::move(items), node.origin(), node.path());
    }
    if (!node.is_map()) return node;
    std::vector<ConfigNode::Entry> entries;
    for (const ConfigNode::Entry& e : node.entries()) entries.push_back({e.key, e.origin, each(e.value)});
    return ConfigNode::map(std::move(entries), node.origin(), node.path());
  }

  ConfigNode scalar(const ConfigNode& node) {
    const std::string& text = node.text();
    std::string filled;
    size_t at = 0;
    for (size_t open; (open = text.find("${", at)) != std::string::npos;) {
      const size_t close = text.find('}', open);
      if (close == std::string::npos) return refuse(node, open, {.message = "the ${ that begins here is never closed"});
      filled += text.substr(at, open - at);
      at = close + 1;
      try {
        const std::optional<ConfigNode> value = value_at(node, open + 2, text.substr(open + 2, close - open - 2));
        if (!value) return node;  // reported
        if (open == 0 && at == text.size()) return value->moved_to(node.path());
        filled += value->is_scalar() ? value->text() : write_flow(*value);
      } catch (const ProgramError& error) { return refuse(node, open + 2 + error.at, error.parts()); }
    }
    return ConfigNode::scalar(filled + text.substr(at), true, node.origin(), node.path());
  }

  std::optional<ConfigNode> value_at(const ConfigNode& node, size_t offset, const std::string& inner) {
    Program program(1);
    program[0].value = parse_expression(inner);
    const Expression& expression = program[0].value;
    Names names;
    std::map<std::string, CallValue> values;
    for (const auto& [name, argument] : arguments) {
      names.arguments.push_back(name);
      values[name] = value_of(argument);
    }
    const size_t before = diagnostics.count();
    check_program(program, names, [&](size_t at, ErrorParts parts) { refuse(node, offset + at, std::move(parts)); });
    if (diagnostics.count() != before) return std::nullopt;
    if (expression.form == Expression::Form::name) return arguments.at(expression.word);
    const CallValue value = evaluate(expression, values);
    const auto* integer = std::get_if<int64_t>(&value.value);
    if (!integer) {
      refuse(node, offset, {.expected = "integer arithmetic", .got = value.kind()});
      return std::nullopt;
    }
    return ConfigNode::scalar(std::to_string(*integer), false, node.origin(), node.path());
  }

  ConfigNode refuse(const ConfigNode& node, size_t at, ErrorParts parts) {
    diagnostics.report(node.origin_at(at), node.path().text(), std::move(parts));
    return node;
  }
};

}  // namespace

ConfigNode fill(const ConfigNode& node, const std::map<std::string, ConfigNode>& arguments, Diagnostics& diagnostics) {
  return Filler{arguments, diagnostics}.each(node);
}

CallValue value_of(const ConfigNode& node) {
  if (node.is_sequence()) {
    CallValue::List list;
    for (const ConfigNode& item : node.items()) list.push_back(value_of(item));
    return list;
  }
  if (!node.is_scalar()) return {};
  if (node.quoted()) return node.text();
  if (const auto truth = parse_bool(node.text())) return *truth;
  Integer integer;
  if (parse_integer(node.text(), integer) == NumberStatus::good && integer.magnitude <= INT64_MAX)
    return integer.negative ? -static_cast<int64_t>(integer.magnitude) : static_cast<int64_t>(integer.magnitude);
  double number = 0;
  if (parse_number(node.text(), number) == NumberStatus::good) return number;
  return node.text();
}

}  // namespace nnx::lang
