#include "lang/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>

#include "config/write.h"
#include "lang/check.h"
#include "nnx/known_names.h"

namespace nnx::lang {
namespace {

constexpr std::array<std::string_view, 6> reserved{"Param",     "Activation", "Rngs",
                                                   "RngStream", "Optimizer",  "Composite"};

struct Written {  // a definition as it stands in the file
  ConfigNode arguments, inputs;
  std::vector<std::pair<std::string, ConfigNode>> attributes;
  ConfigNode call;
  static void fields(auto& self, auto&& f) {
    f("arguments", self.arguments, component("names", Field{.help = "names, or names with defaults"}));
    f("attributes", self.attributes,
      component("attribute", Field{.help = "what it holds, in the order in which it is made"}));
    f("inputs", self.inputs, component("names", Field{.help = "what its call takes; default: x"}));
    f("call", self.call, Field{.help = "what it gives, e.g. linear2(gelu(linear1(x)))"}.must());
  }
};

// [a, {b: default}] or {a: null, b: default}; `what` names one of them in messages.
std::vector<Argument> read_names(const ConfigNode& node, const char* what, Diagnostics& diagnostics) {
  std::vector<Argument> names;
  std::set<std::string> seen;
  const auto add = [&](const ConfigNode& at, const std::string& name, std::optional<ConfigNode> initial) {
    if (!is_name(name) || name == "type")
      return diagnostics.report(
          at, {.expected = fmt::format("the name of an {}: letters, digits and _", what), .got = in_quotes(name)});
    if (!seen.insert(name).second)
      return diagnostics.report(at, {.message = fmt::format("{} {} is there twice", what, in_quotes(name))});
    names.push_back({name, std::move(initial)});
  };
  const auto add_entry = [&](const ConfigNode::Entry& e) {
    add(e.value, e.key, e.value.is_null() ? std::nullopt : std::optional(e.value));
  };
  if (node.is_null()) return names;
  if (!node.is_sequence() && !node.is_map()) {
    diagnostics.report(node,
                       {.expected = "a list of names", .got = node.describe(), .hint = "e.g. [din, {rate: 0.1}]"});
    return names;
  }
  for (const ConfigNode::Entry& e : node.entries()) add_entry(e);
  for (const ConfigNode& item : node.items()) {
    if (item.is_scalar()) add(item, item.text(), std::nullopt);
    else if (item.is_map() && item.entries().size() == 1) add_entry(item.entries()[0]);
    else diagnostics.report(item, {.expected = "a name, or {name: default}", .got = item.describe()});
  }
  return names;
}

// A scalar as a value of a program: an integer, a number, true or false, else its text; a list as a tuple.
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

// Types are made once for a definition and kept for ever: GraphDefs and compiled code compare them by address. Copies
// of a file (the configs of a sweep's trials) define the same types; errors of a call then name the file that was read
// first.
const CompositeType& intern(CompositeType type, const ConfigNode& written) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<CompositeType>> all;
  const std::lock_guard lock(mutex);
  const Origin& at = type.call.origin();
  const std::string key = fmt::format("{}\n{}:{}\n{}", type.module.name, at.line, at.column, write_flow(written));
  auto& held = all[key];
  if (!held) {
    held = std::make_unique<CompositeType>(std::move(type));
    held->module.create = [made = held.get()] { return std::make_shared<Composite>(*made); };
  }
  define_module_type(held->module);  // what files mean by the name from now on
  return *held;
}

const CompositeType* read_call(const std::string& name, const ConfigNode& node, const Written& written,
                               const Names& names, const std::vector<Argument>& inputs, Diagnostics& diagnostics) {
  const ConfigNode& call = written.call;
  if (call.is_null()) return nullptr;  // reported as missing
  if (!call.is_scalar()) {
    diagnostics.report(
        call,
        {.expected = "what it gives, as text", .got = call.describe(), .hint = "e.g. call: linear2(gelu(linear1(x)))"});
    return nullptr;
  }
  const auto report_at = [&](size_t at, ErrorParts parts) {
    diagnostics.report(call.origin_at(at), call.path().text(), std::move(parts));
  };
  CompositeType type{.module = {.name = name, .create = {}}, .inputs = {}, .program = {}, .call = call};
  try {
    type.program = parse_program(call.text());
  } catch (const ProgramError& error) {
    report_at(error.at, error.parts());
    return nullptr;
  }
  check_program(type.program, names, report_at);
  if (written.inputs.is_null()) type.inputs = {{.name = "x"}};
  for (const Argument& a : inputs)
    type.inputs.push_back({a.name, !a.initial, a.initial ? value_of(*a.initial) : CallValue()});
  return &intern(std::move(type), node);
}

// What the call may name; reports attributes that nothing can be called by, or that something is called already.
Names names_of(const Definition& d, const std::vector<Argument>& inputs, bool only_x, Diagnostics& diagnostics) {
  Names names;
  for (const Argument& a : d.arguments) names.arguments.push_back(a.name);
  for (const Argument& a : inputs) names.inputs.push_back(a.name);
  if (only_x) names.inputs = {"x"};
  for (const auto& [key, spec] : d.attributes) {
    const bool taken = std::ranges::find(names.inputs, key) != names.inputs.end() ||
                       std::ranges::find(names.arguments, key) != names.arguments.end();
    if (!is_name(key))
      diagnostics.report(spec, {.expected = "the name of an attribute: letters, digits and _", .got = in_quotes(key)});
    else if (taken)
      diagnostics.report(spec, {.message = fmt::format("{} is an argument or an input as well", in_quotes(key)),
                                .hint = "choose another name"});
    names.attributes.push_back(key);
  }
  return names;
}

}  // namespace

std::optional<Definition> read_definition(const std::string& name, const ConfigNode& node, const Layers& builtin,
                                          Diagnostics& diagnostics) {
  if (!is_name(name)) {
    diagnostics.report(node, {.expected = "the name of a Module type: letters, digits and _", .got = in_quotes(name)});
    return std::nullopt;
  }
  if (builtin.find(name) || std::ranges::find(reserved, name) != reserved.end()) {
    diagnostics.report(
        node, {.message = fmt::format("{} is a built-in type", in_quotes(name)), .hint = "choose another name"});
    return std::nullopt;
  }
  const size_t before = diagnostics.count();
  Written written;
  config_detail::read_value(node, Field{}, written, diagnostics);
  Definition d{.name = name,
               .arguments = read_names(written.arguments, "argument", diagnostics),
               .attributes = written.attributes};
  const std::vector<Argument> inputs = read_names(written.inputs, "input", diagnostics);

  const Names names = names_of(d, inputs, written.inputs.is_null(), diagnostics);
  d.type = read_call(name, node, written, names, inputs, diagnostics);
  d.broken = diagnostics.count() != before;
  return d;
}

void check_attribute(const ConfigNode& spec, const Layers& layers, Diagnostics& diagnostics) {
  for (const ConfigNode& item : spec.items()) check_attribute(item, layers, diagnostics);
  const ConfigNode* type = spec.is_scalar() ? &spec : spec.find("type");
  if (!type && !is_ref(spec))
    for (const ConfigNode::Entry& e : spec.entries()) check_attribute(e.value, layers, diagnostics);
  if (spec.is_null())
    diagnostics.report(spec, {.expected = "a layer, a {ref: path}, or a list or map of these", .got = "null"});
  if (!type || !type->is_scalar() || type->text().find("${") != std::string::npos ||
      (spec.is_map() && type->text() == "Param"))
    return;
  diagnostics.attempt([&] { config_detail::find_component(spec, layers.what(), layers.components(), diagnostics); });
}

bool is_ref(const ConfigNode& node) { return node.is_map() && node.find("ref") && node.entries().size() == 1; }

std::optional<Attribute> static_attribute(const ConfigNode& node) {
  const CallValue value = value_of(node);
  if (const auto* v = std::get_if<bool>(&value.value)) return Attribute{*v};
  if (const auto* v = std::get_if<int64_t>(&value.value)) return Attribute{*v};
  if (const auto* v = std::get_if<double>(&value.value)) return Attribute{*v};
  if (const auto* v = std::get_if<std::string>(&value.value)) return Attribute{*v};
  if (const auto* list = std::get_if<CallValue::List>(&value.value)) {
    std::vector<int64_t> integers;
    for (const CallValue& item : *list)
      if (const auto* i = std::get_if<int64_t>(&item.value)) integers.push_back(*i);
    if (integers.size() == list->size()) return Attribute{integers};
  }
  return std::nullopt;
}

const std::vector<FieldDoc>& definition_fields() {
  static const std::vector<FieldDoc> fields = describe_fields<Written>();
  return fields;
}

std::span<const std::string_view> reserved_types() { return reserved; }

}  // namespace nnx::lang
