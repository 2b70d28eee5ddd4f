#include "lang/definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>

#include "config/interpolate.h"
#include "config/write.h"
#include "lang/check.h"
#include "lang/composite.h"
#include "nnx/known_names.h"

namespace nnx {

using namespace lang;

namespace {

constexpr size_t max_nested = 64;      // Module types inside of each other
constexpr size_t max_objects = 20'000;  // layers that one config makes

// Names that files use for Modules of the program itself.
constexpr std::array<std::string_view, 6> reserved_types{"Param", "Activation", "Rngs", "RngStream", "Optimizer", "Composite"};

struct Argument {
  std::string name;
  std::optional<ConfigNode> initial = {};  // none: required
};

struct Written {  // a definition as it stands in the file
  ConfigNode arguments, inputs;
  std::vector<std::pair<std::string, ConfigNode>> attributes;
  ConfigNode call;
  static void fields(auto& self, auto&& f) {
    f("arguments", self.arguments, Field{.help = "names, or names with defaults"});
    f("attributes", self.attributes, Field{.help = "what it holds, in the order in which it is made"});
    f("inputs", self.inputs, Field{.help = "what its call takes; default: x"});
    f("call", self.call, Field{.help = "what it gives, e.g. linear2(gelu(linear1(x)))"}.must());
  }
};

struct ParamOptions {
  std::vector<int64_t> shape;
  ConfigNode init{"zeros"};
  static void fields(auto& self, auto&& f) {
    f("shape", self.shape, Field{.help = "its sizes"}.at_least(1).must());
    f("init", self.init, component("initializer", Field{.help = "its initializer"}));
  }
};

struct Definition {
  std::string name;
  std::vector<Argument> arguments;
  std::vector<std::pair<std::string, ConfigNode>> attributes;
  const CompositeType* type = nullptr;
  bool broken = false;  // reported
};

bool is_ref(const ConfigNode& node) { return node.is_map() && node.find("ref") && node.entries().size() == 1; }

// [a, {b: default}] or {a: null, b: default}; `what` names one of them in messages.
std::vector<Argument> read_names(const ConfigNode& node, const char* what, Diagnostics& diagnostics) {
  std::vector<Argument> names;
  std::set<std::string> seen;
  const auto add = [&](const ConfigNode& at, const std::string& name, std::optional<ConfigNode> initial) {
    if (!is_name(name) || name == "type")
      return diagnostics.report(at, {.expected = fmt::format("the name of an {}: letters, digits and _", what), .got = in_quotes(name)});
    if (!seen.insert(name).second) return diagnostics.report(at, {.message = fmt::format("{} {} is there twice", what, in_quotes(name))});
    names.push_back({name, std::move(initial)});
  };
  const auto add_entry = [&](const ConfigNode::Entry& e) {
    add(e.value, e.key, e.value.is_null() ? std::nullopt : std::optional(e.value));
  };
  if (node.is_null()) return names;
  if (!node.is_sequence() && !node.is_map()) {
    diagnostics.report(node, {.expected = "a list of names", .got = node.describe(), .hint = "e.g. [din, {rate: 0.1}]"});
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

// The same as a static attribute; nullopt for what cannot be one.
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

// Types are made once for a definition and kept for ever: GraphDefs and compiled code compare them by address. Copies of a file
// (the configs of a sweep's trials) define the same types; errors of a call then name the file that was read first.
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

}  // namespace

// What all copies share. The list of layers holds a pointer back to it, so it lives behind a shared_ptr and never moves.
struct Definitions::State {
  explicit State(const Layers& builtin) : list(builtin) {
    list.around([this](const ConfigNode& node, Diagnostics& diagnostics, const Layers::Build& next, Rngs& rngs) {
      return make_layer(node, diagnostics, next, rngs);
    });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Layers list;
  std::vector<Definition> definitions;
  std::map<const ModuleBase*, std::pair<std::weak_ptr<ModuleBase>, ConfigNode>> written;  // looked up, never walked
  std::vector<std::string> open;                                                         // types being made, outermost first
  std::vector<std::map<std::string, Attribute>> made{1};  // of each open type: what stands at which config path
  size_t objects = 0;

  void define(const std::string& name, const ConfigNode& node, Diagnostics& diagnostics);
  const CompositeType* read_call(const std::string& name, const ConfigNode& node, const Written& written, const Names& names,
                                 const std::vector<Argument>& inputs, Diagnostics& diagnostics);
  void check_spec(const ConfigNode& spec, Diagnostics& diagnostics) const;

  Ref<Layer> make_layer(const ConfigNode& node, Diagnostics& diagnostics, const Layers::Build& next, Rngs& rngs);
  Ref<Layer> make_composite(const Definition& definition, const ConfigNode& node, Diagnostics& diagnostics, Rngs& rngs);
  Attribute make_attribute(const ConfigNode& spec, Diagnostics& diagnostics, Rngs& rngs);
  Attribute referred(const ConfigNode& node, Diagnostics& diagnostics) const;
};

// ---- reading definitions

void Definitions::State::define(const std::string& name, const ConfigNode& node, Diagnostics& diagnostics) {
  if (!is_name(name)) return diagnostics.report(node, {.expected = "the name of a Module type: letters, digits and _", .got = in_quotes(name)});
  if (list.find(name) || std::ranges::find(reserved_types, name) != reserved_types.end())
    return diagnostics.report(node, {.message = fmt::format("{} is a built-in type", in_quotes(name)), .hint = "choose another name"});
  const size_t before = diagnostics.count();
  Written written;
  config_detail::read_value(node, Field{}, written, diagnostics);
  Definition d{.name = name, .arguments = read_names(written.arguments, "argument", diagnostics), .attributes = written.attributes};
  const std::vector<Argument> inputs = read_names(written.inputs, "input", diagnostics);

  Names names;
  for (const Argument& a : d.arguments) names.arguments.push_back(a.name);
  for (const Argument& a : inputs) names.inputs.push_back(a.name);
  if (written.inputs.is_null()) names.inputs = {"x"};
  for (const auto& [key, spec] : d.attributes) {
    const bool taken = std::ranges::find(names.inputs, key) != names.inputs.end() ||
                       std::ranges::find(names.arguments, key) != names.arguments.end();
    if (!is_name(key)) diagnostics.report(spec, {.expected = "the name of an attribute: letters, digits and _", .got = in_quotes(key)});
    else if (taken) diagnostics.report(spec, {.message = fmt::format("{} is an argument or an input as well", in_quotes(key)), .hint = "choose another name"});
    names.attributes.push_back(key);
  }
  d.type = read_call(name, node, written, names, inputs, diagnostics);
  d.broken = diagnostics.count() != before;
  definitions.push_back(std::move(d));
}

const CompositeType* Definitions::State::read_call(const std::string& name, const ConfigNode& node, const Written& written,
                                                   const Names& names, const std::vector<Argument>& inputs,
                                                   Diagnostics& diagnostics) {
  const ConfigNode& call = written.call;
  if (call.is_null()) return nullptr;  // reported as missing
  if (!call.is_scalar()) {
    diagnostics.report(call, {.expected = "what it gives, as text", .got = call.describe(), .hint = "e.g. call: linear2(gelu(linear1(x)))"});
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
  for (const Argument& a : inputs) type.inputs.push_back({a.name, !a.initial, a.initial ? value_of(*a.initial) : CallValue()});
  return &intern(std::move(type), node);
}

// Names of types at the top of a spec can be checked before anything is made.
void Definitions::State::check_spec(const ConfigNode& spec, Diagnostics& diagnostics) const {
  for (const ConfigNode& item : spec.items()) check_spec(item, diagnostics);
  const ConfigNode* type = spec.is_scalar() ? &spec : spec.find("type");
  if (!type && !is_ref(spec))
    for (const ConfigNode::Entry& e : spec.entries()) check_spec(e.value, diagnostics);
  if (spec.is_null()) diagnostics.report(spec, {.expected = "a layer, a {ref: path}, or a list or map of these", .got = "null"});
  if (!type || !type->is_scalar() || type->text().find("${") != std::string::npos || (spec.is_map() && type->text() == "Param")) return;
  diagnostics.attempt([&] { config_detail::find_component(spec, list.what(), list.components(), diagnostics); });
}

// ---- making objects

Ref<Layer> Definitions::State::make_layer(const ConfigNode& node, Diagnostics& diagnostics, const Layers::Build& next, Rngs& rngs) {
  if (++objects > max_objects) {
    if (objects == max_objects + 1) diagnostics.report(node, {.message = fmt::format("more than {} layers", max_objects)});
    diagnostics.throw_if_any();
  }
  if (is_ref(node)) {
    const Ref<ModuleBase> module = referred(node, diagnostics).module();
    auto layer = module ? std::dynamic_pointer_cast<Layer>(module.shared()) : nullptr;
    if (!layer) {
      diagnostics.report(node, {.expected = "a path to a layer", .got = module ? module->type().name : "something else"});
      diagnostics.throw_if_any();
    }
    return Ref<Layer>(std::move(layer));
  }
  Ref<Layer> layer = next(node, diagnostics, rngs);
  written.insert_or_assign(layer.shared().get(), std::pair(std::weak_ptr<ModuleBase>(layer.shared()), node));
  made.back().insert_or_assign(node.path().text(), Attribute{Ref<ModuleBase>(layer)});
  return layer;
}

Ref<Layer> Definitions::State::make_composite(const Definition& definition, const ConfigNode& node, Diagnostics& diagnostics, Rngs& rngs) {
  if (definition.broken) diagnostics.throw_if_any();
  // Arguments as they are given, then with their defaults: these are what the run writes down.
  const ConfigNode given = node.is_map() ? node : ConfigNode::map({}, node.origin(), node.path());
  config_detail::KeyReader keys(given, true, diagnostics);
  const size_t before = diagnostics.count();
  std::map<std::string, ConfigNode> values;
  std::vector<ConfigNode::Entry> echo;
  for (const Argument& a : definition.arguments) {
    const ConfigNode* value = keys.take(a.name, a.initial ? Field{} : Field{}.must());
    if (!value && !a.initial) continue;
    values[a.name] = value ? *value : *a.initial;
    echo.push_back({a.name, values[a.name].origin(), values[a.name].moved_to(node.path().key(a.name))});
  }
  keys.finish();
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  diagnostics.resolve(config_detail::component_node(definition.name, ConfigNode::map(std::move(echo), node.origin(), node.path()), node));

  const auto inside = std::ranges::find(open, definition.name);
  if (inside != open.end() || open.size() == max_nested) {
    std::string chain;
    for (auto it = inside; it != open.end(); ++it) chain += *it + " in ";
    diagnostics.report(node, {.message = inside != open.end() ? fmt::format("{} would hold itself for ever: {}{}", definition.name, chain, definition.name)
                                                              : fmt::format("more than {} Module types inside of each other", max_nested)});
    diagnostics.throw_if_any();
  }
  struct Frame {
    State& state;
    Frame(State& s, const std::string& name) : state(s) { state.open.push_back(name), state.made.emplace_back(); }
    ~Frame() { state.open.pop_back(), state.made.pop_back(); }
  } frame(*this, definition.name);
  const Diagnostics::Unrecorded unrecorded(diagnostics);  // the echo of a definition is what was written

  Scope scope;
  scope.find = [&](const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
  scope.names = [&](const std::string&) {
    std::vector<std::string> names;
    for (const Argument& a : definition.arguments) names.push_back(a.name);
    return names;
  };
  Composite::Attributes attributes;
  for (const auto& [name, spec] : definition.attributes) {
    diagnostics.attempt([&] {
      const size_t errors = diagnostics.count();
      const ConfigNode filled = interpolate_all(spec, scope, diagnostics);
      if (diagnostics.count() != errors) diagnostics.throw_if_any();
      Attribute attribute = make_attribute(filled, diagnostics, rngs);
      made.back().insert_or_assign(spec.path().text(), attribute);
      attributes.emplace_back(name, std::move(attribute));
    });
  }
  for (const Argument& a : definition.arguments) {
    if (!mentions(definition.type->program, a.name)) continue;
    if (auto fixed = static_attribute(values.at(a.name))) attributes.emplace_back(a.name, std::move(*fixed));
    else diagnostics.report(values.at(a.name), {.message = fmt::format("the call of {} uses '{}'", definition.name, a.name), .expected = "a number, a text, true, false or a list of integers", .got = values.at(a.name).describe()});
  }
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  return make<Composite>(*definition.type, std::move(attributes));
}

Attribute Definitions::State::make_attribute(const ConfigNode& spec, Diagnostics& diagnostics, Rngs& rngs) {
  if (is_ref(spec)) return referred(spec, diagnostics);
  const ConfigNode* type = spec.find("type");
  if (type && type->is_scalar() && type->text() == "Param") {
    const auto options = config_detail::read_options<ParamOptions>(spec, "Param", diagnostics);
    const Initializer init = initializers().build(options.init, diagnostics);
    return {Variable(Param(init(rngs.params(), Shape(std::span<const int64_t>(options.shape)))))};
  }
  if (spec.is_scalar() || type) return {Ref<ModuleBase>(list.build(spec, diagnostics, rngs))};
  const auto each = [&](const ConfigNode& item, auto&& add) {
    diagnostics.attempt([&] {
      Attribute attribute = make_attribute(item, diagnostics, rngs);
      made.back().insert_or_assign(item.path().text(), attribute);
      add(std::move(attribute));
    });
  };
  const size_t before = diagnostics.count();
  Attribute::List all;
  Attribute::Map by_name;
  for (const ConfigNode& item : spec.items()) each(item, [&](Attribute a) { all.push_back(std::move(a)); });
  for (const ConfigNode::Entry& e : spec.entries()) {
    if (!is_name(e.key)) diagnostics.report(e.value, {.expected = "a name: letters, digits and _", .got = in_quotes(e.key)});
    else each(e.value, [&](Attribute a) { by_name[e.key] = std::move(a); });
  }
  if (spec.is_null()) diagnostics.report(spec, {.expected = "a layer, a {ref: path}, or a list or map of these", .got = "null"});
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  if (spec.is_sequence()) return {std::move(all)};
  return {std::move(by_name)};
}

// Looks for the path beside `node`, then beside what is around it; the longest part of it that stands in the config is
// found there, the rest among attributes.
Attribute Definitions::State::referred(const ConfigNode& node, Diagnostics& diagnostics) const {
  const ConfigNode& ref = *node.find("ref");
  const auto refuse = [&](ErrorParts parts) {
    diagnostics.report(ref, std::move(parts));
    diagnostics.throw_if_any();
  };
  if (!ref.is_scalar()) refuse({.expected = "a path, e.g. encoder.linear1", .got = ref.describe()});
  const Path steps = parse_path(ref.text());
  std::string around = node.path().text();
  while (!around.empty()) {
    around.resize(around.find_last_of(".[") == std::string::npos ? 0 : around.find_last_of(".["));
    std::string at = around;
    std::optional<Attribute> found;
    size_t used = 0;
    for (size_t i = 0; i < steps.size() && i < max_config_depth; ++i) {
      at += steps[i].index >= 0 ? fmt::format("[{}]", steps[i].index) : (at.empty() ? "" : ".") + steps[i].name;
      if (const auto it = made.back().find(at); it != made.back().end()) found = it->second, used = i + 1;
    }
    if (!found) continue;
    for (; used < steps.size(); ++used) {
      const Ref<ModuleBase> module = found->module();
      const auto next = module ? find_attribute(*module, steps[used].to_string()) : std::nullopt;
      if (!next || !std::holds_alternative<Attribute>(*next)) {
        const std::string near = module ? nearest(steps[used].to_string(), attribute_names(*module)) : "";
        refuse({.message = fmt::format("{} has no attribute {}", found->kind(), in_quotes(steps[used].to_string())),
                .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
      }
      found = std::get<Attribute>(*next);
    }
    return *found;
  }
  refuse({.message = fmt::format("nothing was made at {} before this place", in_quotes(ref.text())),
          .hint = "a ref names a neighbour that is written before it"});
  return {};
}

// ---- the class

Definitions::Definitions() : state_(std::make_shared<State>(builtin_layers())) {}

Definitions::Definitions(const ConfigNode& modules, Diagnostics& diagnostics) : Definitions() {
  if (modules.is_null()) return;
  if (!modules.is_map()) {
    diagnostics.report(modules, {.expected = "a map of Module types", .got = modules.describe()});
    return;
  }
  State& state = *state_;
  for (const ConfigNode::Entry& e : modules.entries()) state.define(e.key, e.value, diagnostics);
  for (const Definition& d : state.definitions) {
    ComponentDoc doc{.name = d.name, .help = "defined in this config", .fields = {}};
    for (const Argument& a : d.arguments)
      doc.fields.push_back({.name = a.name, .type = "value", .default_value = a.initial ? write_flow(*a.initial) : "", .required = !a.initial});
    state.list.add(std::move(doc), [&state, &d](const ConfigNode& node, Diagnostics& out, Rngs& rngs) {
      return state.make_composite(d, node, out, rngs);
    });
  }
  for (const ConfigNode::Entry& e : modules.entries()) {
    const ConfigNode* attributes = e.value.find("attributes");
    if (!attributes || !attributes->is_map()) continue;
    for (const ConfigNode::Entry& attribute : attributes->entries()) state.check_spec(attribute.value, diagnostics);
  }
}

const Layers& Definitions::layers() const { return state_->list; }

const ConfigNode* Definitions::written_at(const ModuleBase* module) const {
  const auto found = state_->written.find(module);
  return found != state_->written.end() && !found->second.first.expired() ? &found->second.second : nullptr;
}

}  // namespace nnx
